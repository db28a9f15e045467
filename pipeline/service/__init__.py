"""The REST API and the curation page over a data directory. Only this package imports FastAPI.

`app.py` assembles the application, `context.py` has the objects that requests share, `routes/` the resources,
`security.py` the access control. Reads come from `steps/library_view/`, search from `search.py`; writes are decisions
(`steps/curation.py`), uploads (`uploads.py`, `queue.py`) and runs (`runs.py`, `worker.py`). `page/` is the page.
Not here: computing or storing anything (`stages/`, `steps/`, `storage/`).
"""
