"""HTTP refusals: one type for every request and websocket upgrade that is refused, and its one writer."""

import math

import msgspec
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from protocol.codes import DENIALS

CLOSE_POLICY_VIOLATION = 1008
"""The close code for a websocket that cannot be refused over HTTP (RFC 6455, 7.4.1)."""


OPENAI_PATHS = "/v1/"
"""Below it clients of OpenAI's API read errors in its shape."""

OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def openai_error(status: int, code: str, message: str) -> dict[str, str | None]:
    """An error as OpenAI's clients read it, below `error` in the body of an answer with this HTTP status."""
    kind = OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"message": message, "type": kind, "param": None, "code": code}


class HTTPRefusal:
    """Why a request or an upgrade is refused: `code` is for programs, `message` for people.

    `status` is the HTTP status, by default the one that `protocol.codes.DENIALS` gives for the code. `retry_after_s`:
    seconds until it is worth trying again, None where trying again is no remedy. `extra`: more fields of the JSON body.
    """

    def __init__(
        self, code: str, message: str, *, status: int | None = None, retry_after_s: float | None = None, **extra: str
    ) -> None:
        self.code = code
        self.message = message
        self.status = DENIALS[code].status if status is None else status
        self.retry_after_s = retry_after_s
        self.extra = extra

    def as_response(self, path: str = "") -> Response:
        """The answer of a route. `path`: of the request, whose clients may read errors in another shape."""
        return Response(self._body(path), self.status, headers=self._headers())

    async def send(self, scope: Scope, send: Send) -> None:
        """Answer an ASGI request that no route has seen, or deny a websocket's upgrade.

        A server without the ASGI extension "Websocket Denial Response" closes the websocket with 1008 and the code as
        reason.
        """
        websocket = scope["type"] == "websocket"
        if websocket and "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": CLOSE_POLICY_VIOLATION, "reason": self.code})
            return
        body = self._body(scope["path"])
        headers = {**self._headers(), "content-length": str(len(body))}
        kind = "websocket.http.response" if websocket else "http.response"
        start: Message = {
            "type": f"{kind}.start",
            "status": self.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await send(start)
        await send({"type": f"{kind}.body", "body": body})

    def _body(self, path: str) -> bytes:
        openai = path.startswith(OPENAI_PATHS)
        shaped = {"error": openai_error(self.status, self.code, self.message)} if openai else {}
        return msgspec.json.encode({"code": self.code, "message": self.message, **self.extra, **shaped})

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json", "cache-control": "no-store"}
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        if self.status == 426:
            headers |= {"upgrade": "websocket", "connection": "Upgrade"}  # RFC 9110, sections 7.8 and 15.5.22
        if self.retry_after_s is not None:
            headers["retry-after"] = str(math.ceil(self.retry_after_s))
        return headers


class RequestRefused(Exception):
    """Ends the handling of a request or an upgrade with this refusal."""

    def __init__(self, refusal: HTTPRefusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
