"""The stage `published`: the documents for people and websites, as values in memory.

- `document.py`: clusters.json, from what the stages before this one computed.
- `entries.py`: the names and counts of its entries, images or objects in images.
- `families.py`: groups of similar clusters in it. `slugs.py`: the names of clusters in addresses.
- `changes.py`: changes.json, what changed since the last publication; `news.py`: the same in words.
- `guard.py`: reasons to hold a result back until a person has looked at it.
- `schema.py`: the JSON Schemas (.json files beside it) and the checks that every document must pass.
- `page.py`: the review page (page.html.j2, page.css, page.js), one self-contained HTML file.
- `html.py`: data URIs, the content policy and templates of such a file; the tuning report uses them too.
- `website.py`: the website's TypeScript data file. `sidecar.py`: XMP sidecars.
- `duplicates.py`: duplicates.json. `group_words.py`: what a group of images is called.

Not here: replaying what people decided (`curation/`), and writing files (`storage/`, `adapters/`).
"""
