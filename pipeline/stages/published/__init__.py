"""The stage `published`: what leaves the pipeline for people and websites, as values in memory.

- `document.py`: clusters.json, from what the stages before this one computed.
- `changes.py`: changes.json, what is different since last time; `news.py`: the same as a sentence and a table.
- `guard.py`: what speaks against publishing without a look at it first.
- `schema.py`: the JSON Schemas (beside it as .json) and the checks that a document must pass before it goes out.
- `page.py`: the review page (page.html.j2, page.css, page.js), one self-contained HTML file.
- `website.py`: the website's TypeScript data file.

Not here: replaying what people decided (`curation/`), and writing files (`storage/`, `adapters/`).
"""
