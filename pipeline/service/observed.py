"""Route, status and duration of each request, for metrics and logs.

What belongs here: one ASGI layer outside of all others, so that refused requests count too. Not here: what listeners
make of it (`metrics.py`, `pipeline/json_log.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
NO_ROUTE = "(no route)"


@dataclass(frozen=True)
class Seen:
    """One answered request. `seconds` end with the first byte of the answer, so an open event stream is not slow.

    `route` is the template, such as /categories/{category}, or `NO_ROUTE`; `path` is what was asked, without a query,
    which may hold words of people.
    """

    method: str
    route: str
    path: str
    status: int
    seconds: float


Listener = Callable[[Seen], None]


class Observed:
    """The ASGI layer."""

    def __init__(self, app: ASGIApp, listeners: Sequence[Listener]) -> None:
        self.app, self.listeners = app, listeners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; tell the listeners when its answer begins."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, answered = perf_counter(), False

        async def answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start" and not answered:
                answered = True
                self._tell(scope, message["status"], perf_counter() - started)
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            if not answered:  # the client went, or the application failed before any answer
                self._tell(scope, 500, perf_counter() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "(other)"
        route = getattr(scope.get("route"), "path", None) or NO_ROUTE
        for listener in self.listeners:
            listener(Seen(method, route, scope["path"], status, seconds))
