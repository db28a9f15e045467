"""Access control: Host header, foreign origins, token, read-only, and the headers of every response.

What belongs here: one ASGI layer around the whole application, so that no route can forget it. Not here: limits on
bodies (each route has its own), signed bucket notifications (`routes/events.py`), the options (`options.py`).

It defends against three attackers.
- A page of another site in the user's browser: its writes have a foreign Origin (refused), its reads get no CORS header
  (withheld by the browser), and a name that it rebinds to 127.0.0.1 appears in the Host header (refused).
- Another machine in the network: it needs the token.
- An uploaded file: it is never run or shown as HTML.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.service.options import Options
from pipeline.service.problems import MEDIA_TYPE, TOO_LARGE_TEXT, response

COOKIE = "image_cluster_token"
TOO_LARGE = 413
SAFE = ("GET", "HEAD", "OPTIONS")
# reads that use POST because the query is too long for an address
ASKING = ("/similarity/find", "/cluster/vectors", "/login")
PROBES = ("/healthz", "/readyz")  # a platform asks by the address of the container, which no setting can know
WITHOUT_TOKEN = ("/health", "/login", "/api/v1/health", "/api/health", *PROBES)
SIGNED = ("/api/v1/events/bucket", "/api/events/bucket")
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Security:
    """The ASGI layer. Each refusal is a problem document that says what to do."""

    def __init__(self, app: ASGIApp, options: Options) -> None:
        self.app, self.options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on; add the headers to the response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        request = Request(scope)
        with_headers = _Answer(request, receive, send)
        refusal = self.refusal(request)
        if refusal is None:
            await self.app(scope, receive, with_headers)
            return
        status, slug, detail = refusal
        more = {"headers": {"WWW-Authenticate": "Bearer"}} if status == 401 else {}
        await response(request, status, slug, detail, **more)(scope, receive, with_headers)

    def refusal(self, request: Request) -> tuple[int, str, str] | None:
        """Status, kind and text of the refusal; None if the request is allowed."""
        if request.url.path in PROBES and request.method in SAFE:
            return None
        if not self._host_is_ours(request.headers.get("host", "")):
            return 421, "wrong-host", (
                f"This service is not known as {request.headers.get('host', '')[:100]!r}. "
                "Use the address that it printed, or add this name to service.allowed_hosts."
            )  # fmt: skip
        writes = request.method not in SAFE
        path = request.url.path
        if writes and (foreign := _foreign_origin(request.headers)):
            return 403, "foreign-origin", (
                f"A page of {foreign[:100]} may not do this. Open the service's own address instead."
            )  # fmt: skip
        if writes and self.options.read_only and not path.endswith(ASKING):
            return 403, "read-only", "This service was started with --read-only: nothing can be changed here."
        if self._needs_token(path, writes=writes) and not self._has_token(request.headers):
            return 401, "token-needed", (
                "This needs the token: send the header Authorization: Bearer TOKEN, or log in at /login."
            )  # fmt: skip
        return None

    def _host_is_ours(self, host: str) -> bool:
        names: Sequence[str] = [*self.options.allowed_hosts]
        if not self.options.loopback and not names:
            return True  # any name may lead here; the token stops a rebinding page
        own = self.options.host
        names = [*names, *LOOPBACK_NAMES, f"[{own}]" if ":" in own else own]
        name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
        return name.lower() in [allowed.lower() for allowed in names] and (not port or port.isdigit())

    def _needs_token(self, path: str, *, writes: bool) -> bool:
        if self.options.token is None or path in WITHOUT_TOKEN or path in SIGNED:
            return False
        return writes or not self.options.public_reads

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        token = self.options.token or ""
        bearer = scheme.lower() == "bearer"
        given, wanted = (value.strip(), token) if bearer else (_cookie(headers), session_of(token))
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


class _Answer:
    """Adds our headers to a response. Turns the framework's bare 413 into a problem document."""

    def __init__(self, request: Request, receive: Receive, send: Send) -> None:
        self._request, self._receive, self._send = request, receive, send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if message["status"] == TOO_LARGE and not headers.get("content-type", "").startswith(MEDIA_TYPE):
                self._replaced = True
                problem = response(self._request, TOO_LARGE, "about:blank", TOO_LARGE_TEXT)
                await problem(self._request.scope, self._receive, _Answer(self._request, self._receive, self._send))
                return
            _add_headers(headers)
        await self._send(message)


def session_of(token: str) -> str:
    """The value of the cookie: it proves the token without containing it."""
    return hmac.new(token.encode(), b"image-cluster session", sha256).hexdigest()


def _foreign_origin(headers: Headers) -> str | None:
    """The origin that a browser sends if it is not ours; None for ours and for other clients."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if origin is not None:
        try:
            ours = urlsplit(origin).netloc.lower() == headers.get("host", "").lower() and origin != "null"
        except ValueError:
            ours = False
        if not ours:
            return origin or "an unknown origin"
    if site is not None and site not in ("same-origin", "none"):
        return "another site"
    return None


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _add_headers(headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    headers.setdefault("Cache-Control", "no-cache")
