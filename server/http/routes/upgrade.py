"""Routes of the websocket's addresses for requests that are no websocket: mostly those whose `Upgrade` a proxy dropped.

`GET /ws`, `GET /ws/{session_id}` and `GET /ahp` answer 426 (RFC 9110, section 15.5.22), whoever asks.
"""

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from server.http.endpoints import Endpoint
from server.util.refusal import HTTPRefusal
from server.util.said_once import SaidOnce

log = logging.getLogger("holdfast.socket")

MESSAGE: Final = (
    "this address is a websocket's, and the request came without `Upgrade: websocket` and `Connection: Upgrade`: a proxy in "
    "between must pass both headers on (docs/deployment.md)"
)


class UpgradeRoutes:
    """Handler of the addresses. The log has a line once for each Host."""

    def __init__(self) -> None:
        self._said = SaidOnce()

    async def answer(self, request: Request) -> Response:
        """Say what is missing."""
        host = request.headers["host"]
        if self._said.is_first(host):
            log.warning("GET %s at %s: %s", request.url.path, host, MESSAGE)
        return HTTPRefusal("upgrade_required", MESSAGE).as_response()


ENDPOINTS: Final = tuple(
    Endpoint(method="GET", path=path, needs="nothing", handler=UpgradeRoutes.answer)
    for path in ("/ws", "/ws/{session_id}", "/ahp")
)
