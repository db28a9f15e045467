"""Errors as RFC 9457 problem documents: what went wrong, and what to do next.

What belongs here: the document, and the status of each class of error. Not here: the errors (`pipeline/errors.py`).
"""

import difflib
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pipeline import errors
from pipeline.storage.full_disk import is_full

MEDIA_TYPE = "application/problem+json"
SHOWN_ERRORS = 20
BUSY_SECONDS = 5
TOO_LARGE_TEXT = "The request body is too large. The limits are in the settings, section service."
COMPARED = 2000  # most names that are compared letter by letter
LONGEST_NAME = 200

STATUS: dict[type[Exception], int] = {
    errors.UnknownNameError: 404,
    errors.AmbiguousNameError: 409,
    errors.ConflictError: 409,
    errors.MissingArtifactError: 409,
    errors.PublishRefusedError: 409,
    errors.DecisionError: 422,
    errors.SettingsError: 422,
    errors.ObjectMissingError: 404,
    errors.EncoderError: 503,
    errors.BucketError: 502,
    errors.TransientError: 503,
    errors.NewerSchemaError: 503,
    errors.DamagedDatabaseError: 503,
    errors.DamagedFileError: 503,
    errors.LostDecisionsError: 503,
    errors.FullDiskError: 507,
    errors.FullBucketError: 507,
}


class Problem(errors.ImageClusterError):
    """An error with its HTTP status. `slug` names the kind of problem; `more` are further members of the document."""

    def __init__(self, status: int, slug: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.slug, self.more = status, slug, more


def unknown(what: str, given: str, names: Iterable[str], *, hint: str = "") -> Problem:
    """404 with the nearest of `names`."""
    near = _near(given[:LONGEST_NAME], list(dict.fromkeys(names)))
    suggestion = f" The nearest: {', '.join(near)}." if near else (f" {hint}" if hint else "")
    return Problem(404, f"unknown-{what}", f"There is no {what} {given[:200]!r}.{suggestion}", nearest=near)


def _near(given: str, names: list[str]) -> list[str]:
    if len(names) > COMPARED:  # comparing with 100,000 names takes seconds; a typo leaves one end intact
        ends = (given[:4], given[-4:])
        names = [name for name in names if name.startswith(ends[0]) or name.endswith(ends[1])][:COMPARED]
    return difflib.get_close_matches(given, names, n=3, cutoff=0.5)


def document(status: int, slug: str, detail: str, instance: str, more: dict[str, Any]) -> dict[str, Any]:
    """The members of a problem document."""
    title = HTTPStatus(status).phrase if slug == "about:blank" else slug.replace("-", " ").capitalize()
    kind = slug if slug == "about:blank" else f"/problems/{slug}"
    return {"type": kind, "title": title, "status": status, "detail": detail, "instance": instance, **more}


def response(request: Request, status: int, slug: str, detail: str, **more: Any) -> JSONResponse:
    """A problem as an HTTP response."""
    headers = dict(more.pop("headers", None) or {})
    if status == 503:
        headers.setdefault("Retry-After", str(BUSY_SECONDS))
    return JSONResponse(
        document(status, slug, detail, request.url.path, more), status, headers=headers, media_type=MEDIA_TYPE
    )


def status_of(error: Exception) -> int:
    """The status of the nearest class in `STATUS`; 400 for other errors."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)


def install(app: FastAPI) -> None:
    """Make the app answer every error with a problem document."""
    app.add_exception_handler(errors.ImageClusterError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OSError, _of_the_machine)
    app.add_exception_handler(Exception, _bug)


def _expected(request: Request, error: Exception) -> Response:
    if isinstance(error, Problem):
        return response(request, error.status, error.slug, str(error), **error.more)
    name = type(error).__name__.removesuffix("Error")
    slug = "".join(f"-{sign.lower()}" if sign.isupper() else sign for sign in name).strip("-")
    more = {"candidates": list(error.candidates)} if isinstance(error, errors.AmbiguousNameError) else {}
    return response(request, status_of(error), slug, str(error), **more)


def invalid_values(problems: Sequence[Any], *, skip: int = 0) -> list[dict[str, str]]:
    """The first validation errors of pydantic as where and problem, without the first `skip` parts of where."""
    return [
        {"where": ".".join(str(part) for part in problem["loc"][skip:]), "problem": str(problem["msg"])}
        for problem in problems[:SHOWN_ERRORS]
    ]


def _invalid(request: Request, error: Exception) -> Response:
    problems: list[Any] = list(error.errors()) if isinstance(error, RequestValidationError) else []
    shown = invalid_values(problems)
    first = f"{shown[0]['where']}: {shown[0]['problem']}" if shown else "The request is invalid"
    rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    detail = f"{first}{rest}. See {request.scope.get('root_path', '')}/api/v1/openapi.json."
    return response(request, 422, "invalid-request", detail, errors=shown)


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    texts = {
        404: f"There is nothing at {request.url.path[:200]}. The API is described at /api/v1/openapi.json.",
        405: f"{request.method} is not allowed here.",
        413: TOO_LARGE_TEXT,
    }
    detail = texts.get(status) or str(getattr(error, "detail", "") or HTTPStatus(status).phrase)
    return response(request, status, "about:blank", detail, headers=headers)


def _of_the_machine(request: Request, error: Exception) -> Response:
    if not isinstance(error, OSError) or not is_full(error):
        return _bug(request, error)
    where = f" for {error.filename}" if error.filename else ""
    return response(request, 507, "full-disk", f"The disk is full: no space{where}. Free some, then try again.")


def _bug(request: Request, error: Exception) -> Response:  # noqa: ARG001  # the server logs it
    detail = "Internal error. The log of `image-cluster serve` has the details; please report it."
    return response(request, 500, "about:blank", detail)
