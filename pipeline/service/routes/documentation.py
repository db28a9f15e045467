"""/docs: the API's documentation to read and try, from the OpenAPI document of this service.

What belongs here: the page and the files of Swagger UI, which the package fastapi-offline ships: nothing is loaded from
another server. Not here: what is documented (`models.py` and the routes), the prose (`docs/api.md`).
"""

from functools import cache
from importlib import resources

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from pipeline.service.page.render import static_version
from pipeline.service.problems import Problem

router = APIRouter()
FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# no script or style stands in the page itself: the content policy allows neither
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>image-cluster: API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/static/{version}/icon.svg"><link rel="stylesheet" href="/docs/swagger-ui.css">
<script defer src="/docs/swagger-ui-bundle.js"></script>
<script type="module" src="/static/{version}/api_docs.js"></script></head>
<body><main id="api"><noscript>This page needs JavaScript. The OpenAPI document is at
<a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</noscript></main></body></html>"""


@router.get("/docs")
def show_documentation() -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE.format(version=static_version()))


@router.get("/docs/{name}")
def get_documentation_file(name: str) -> Response:
    """A file of Swagger UI."""
    if name not in FILES:
        raise Problem(404, "unknown-file", f"The documentation has no file {name[:100]!r}. Open /docs.")
    return Response(_file(name), media_type=FILES[name], headers={"Cache-Control": "private, max-age=86400"})


@cache
def _file(name: str) -> bytes:
    return (resources.files("fastapi_offline") / "static" / name).read_bytes()
