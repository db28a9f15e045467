"""One router for all pages.

What belongs here: joining the routes of the modules beside this file. Not here: a page (`views.py`, `more_views.py`),
the REST API (`service/routes/`).
"""

from fastapi import APIRouter

from pipeline.service.page import columns, compare, encoder, granularity, more_views, render, views

router = APIRouter(include_in_schema=False)
for part in (render.router, views.router, more_views.router, granularity.router, encoder.router, compare.router,
             columns.router):  # fmt: skip
    router.include_router(part)
