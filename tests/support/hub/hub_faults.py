"""Hub faults: an error status, silence or a cut connection on demand, before any route of the stand-in Hub."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Request:
    """One request that came. `path` is as it was sent, percent signs included."""

    method: str
    path: str
    token: str


@dataclass
class Fault:
    """What befalls the next `times` requests that fit. `came` is set by the first; `let_go` ends a silence."""

    what: Literal["status", "hang", "cut"]
    status: int
    times: int
    fits: Callable[[Request], bool]
    came: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)


class HubFaults:
    """ASGI middleware; `received` are all requests so far. `path`: only requests whose path holds this; `method` likewise."""

    def __init__(self) -> None:
        self.received: list[Request] = []
        self._faults: list[Fault] = []

    def fail(self, status: int, times: int = 1, *, path: str = "", method: str = "") -> Fault:
        """Answer with a status."""
        return self._add("status", status, times, path, method)

    def hang(self, times: int = 1, *, path: str = "", method: str = "") -> Fault:
        """Answer nothing until the fault is `let_go`; then as usual."""
        return self._add("hang", 0, times, path, method)

    def cut(self, times: int = 1, *, path: str = "", method: str = "") -> Fault:
        """Begin an answer and close the connection in its middle."""
        return self._add("cut", 0, times, path, method)

    def heal(self) -> None:
        """No faults from here on; those that are silent answer."""
        for fault in self._faults:
            fault.let_go.set()
        self._faults.clear()

    def requests(self, path: str = "", method: str = "") -> list[Request]:
        """The requests that fit, in their order."""
        return [request for request in self.received if path in request.path and method in ("", request.method)]

    def around(self, app: ASGIApp) -> ASGIApp:
        """The app, with its faults."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            headers = dict(scope["headers"])
            token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
            request = Request(scope["method"], scope["raw_path"].decode(), token)
            self.received.append(request)
            fault = self._next(request)
            if fault is not None:
                fault.came.set()
                if fault.what == "status":
                    await JSONResponse({"error": "not now"}, fault.status)(scope, receive, send)
                    return
                if fault.what == "cut":
                    await send(
                        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]}
                    )
                    await send({"type": "http.response.body", "body": b'{"', "more_body": True})
                    return  # the server closes a connection whose answer is not whole
                await fault.let_go.wait()
            await app(scope, receive, send)

        return faulty

    def _add(self, what: Literal["status", "hang", "cut"], status: int, times: int, path: str, method: str) -> Fault:
        fault = Fault(what, status, times, lambda request: path in request.path and method in ("", request.method))
        self._faults.append(fault)
        return fault

    def _next(self, request: Request) -> Fault | None:
        for fault in self._faults:
            if fault.times > 0 and fault.fits(request):
                fault.times -= 1
                return fault
        return None
