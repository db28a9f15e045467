"""The stage `published`: the documents for people and websites, as values in memory.

- `document.py`: clusters.json, from what the stages before this one computed.
- `slugs.py`: the names of clusters in addresses.
- `changes.py`: changes.json, what changed since the last publication; `news.py`: the same in words.
- `guard.py`: reasons to hold a result back until a person has looked at it.
- `schema.py`: the JSON Schemas (.json files beside it) and the checks that every document must pass.
- `page.py`: the review page (page.html.j2, page.css, page.js), one self-contained HTML file.
- `html.py`: data URIs, the content policy and templates of such a file; the tuning report uses them too.
- `website.py`: the website's TypeScript data file.

Not here: replaying what people decided (`curation/`), and writing files (`storage/`, `adapters/`).
"""
