"""REST over the pipeline's own tables, the queue and the runs; FastAPI is imported here and nowhere below.

`app.py` puts it together, `context.py` holds what requests share, `routes/` the resources, `security.py` what is
refused. Reads come from `steps/library_view/`, search from `search.py`; writes are decisions (`steps/curation.py`),
uploads (`uploads.py`, `queue.py`) and runs (`runs.py`, `worker.py`). `page/` is the website over it.
"""
