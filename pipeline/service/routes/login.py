"""Log in with the token in a browser.

What belongs here: the form, and the session cookie. Not here: checking it (`security.py`).
"""

import hmac
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pipeline.service.context import Shared
from pipeline.service.problems import Problem
from pipeline.service.security import COOKIE, session_of

router = APIRouter()
FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>image-cluster: log in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<h1>image-cluster</h1><form method="post" action="/login"><label>Token
<input type="password" name="token" autocomplete="current-password" required autofocus></label>
<button>Log in</button></form></html>"""


@router.get("/login", response_class=HTMLResponse)
def show() -> str:
    """The form."""
    return FORM


@router.post("/login")
def log_in(service: Shared, token: Annotated[str, Form(max_length=1000)]) -> Response:
    """Set a cookie that no script can read and no other site can send."""
    wanted = service.options.token
    if wanted is None or not hmac.compare_digest(token.strip().encode(), wanted.encode()):
        raise Problem(401, "wrong-token", "Wrong token. It was set where the service was started.")
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(COOKIE, session_of(wanted), httponly=True, samesite="strict", max_age=30 * 86400)
    return answer
