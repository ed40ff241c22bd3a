"""Route of how a session is listed: pinned, archived, or neither."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from server.http import schemas
from server.http.endpoints import SESSION, Endpoint
from server.http.requests import authorized_session, read_struct
from server.http.responses import json_response
from server.sessions.manager import SessionManager
from server.sessions.rows import SessionInfo

BODY_BYTES_MAX: Final = 1_024


class ListedRoutes:
    """Handler of the route of how a session is listed."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def change(self, request: Request) -> Response:
        """Pin a session, archive it, or neither; for its owner. It wakes nobody, and is no activity."""
        session_id = await authorized_session(self._manager, request, "owner")
        form = '{"listed": "pinned"}, "archived" or ""'
        wanted = await read_struct(request, schemas.SessionChange, BODY_BYTES_MAX, form)
        await self._manager.journal.list_as(session_id, wanted.listed)
        return json_response(await self._manager.get_session_info(session_id))


ENDPOINTS: Final = (
    Endpoint(
        method="PATCH",
        path=SESSION,
        needs="session",
        handler=ListedRoutes.change,
        name="change",
        body=schemas.SessionChange,
        answers={200: SessionInfo},
        refusals=(404, 503),
    ),
)
