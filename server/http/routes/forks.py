"""Routes of forks: make a new session that begins with what another one holds."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from server.http import schemas
from server.http.endpoints import SESSION, Endpoint
from server.http.requests import authorized_row, read_struct
from server.http.responses import json_response
from server.sessions.forks.forker import Forker
from server.sessions.manager import SessionManager
from server.sessions.rows import SessionInfo

BODY_BYTES_MAX: Final = 1_024
FORM: Final = '{"seq": ..., "branch": ...}'


class ForkRoutes:
    """Handlers of the routes of forks."""

    def __init__(self, forker: Forker, manager: SessionManager) -> None:
        self._forker = forker
        self._manager = manager

    async def fork(self, request: Request) -> Response:
        """Make a new session with a copy of this one's events up to a position, and of its files."""
        row = await authorized_row(self._manager, request, "owner")
        wanted = await read_struct(request, schemas.Fork, BODY_BYTES_MAX, FORM, schemas.Fork())
        fork_id = await self._forker.fork(row, wanted.seq, branch=wanted.branch)
        response = json_response(await self._manager.get_session_info(fork_id), 201)
        response.headers["location"] = f"/api/sessions/{fork_id}"
        return response


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path=f"{SESSION}/fork",
        needs="session",
        handler=ForkRoutes.fork,
        name="fork",
        body=schemas.Fork,
        body_required=False,
        answers={201: SessionInfo},
        refusals=(404, 409, 429, 503),
    ),
)
