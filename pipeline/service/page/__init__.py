"""The pages over the API: `router` is mounted at the root; templates and static files lie beside this file.

`views.py` are the pages, `walls.py` and `members.py` what they list, `columns.py` what only the page's scripts ask for,
`render.py` templates and static files.
"""

from fastapi import APIRouter

from pipeline.service.page import columns, more_views, render, views

router = APIRouter(include_in_schema=False)
for _one in (render.router, views.router, more_views.router, columns.router):
    router.include_router(_one)
