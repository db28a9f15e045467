"""Parts of a self-contained HTML page: images as data URIs, the content security policy, templates.

What belongs here: what the review page and the tuning report share. Not here: their content (`page.py`,
`tuning/page.py`), the pages of the service (`service/page/`).
"""

import base64
import functools
import hashlib
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


def data_uri(image: bytes | None) -> str | None:
    """The bytes of an image as a data URI; None for bytes of an unknown format."""
    if image is None:
        return None
    kinds = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif"}
    kind = next((name for magic, name in kinds.items() if image.startswith(magic)), None)
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}" if kind else None


def content_policy(style: str, script: str = "") -> str:
    """The content security policy: nothing may be fetched, and only this style and script are allowed."""
    scripts = f"script-src '{_hash(script)}'; " if script else ""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; {scripts}base-uri 'none'; form-action 'none'"
    )


def readable_time(time: str) -> str:
    """An ISO 8601 time for people, in UTC to the minute."""
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%d %B %Y, %H:%M UTC").removeprefix("0")


@functools.cache
def asset(package: str, name: str) -> str:
    """The text of a file in a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


@functools.cache
def template(package: str) -> "Template":
    """The template page.html.j2 of a package. Everything is escaped; an undefined name is an error."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    loader = FunctionLoader(functools.partial(asset, package))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=loader
    )
    return environment.get_template("page.html.j2")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
