"""Routes of admins: list all sessions and stop their work. Admins cannot read the sessions."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent.session.messages import SubmissionRefusal
from protocol import codes
from server.http import schemas
from server.http.endpoints import Endpoint, Query
from server.http.paging import PAGE_QUERY, next_page, read_page
from server.http.responses import json_response
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal
from server.websocket.registry import SocketRegistry


class AdminRoutes:
    """Handlers of the routes of admins. The access middleware requires the right `admin`."""

    def __init__(self, manager: SessionManager, sockets: SocketRegistry) -> None:
        self._manager = manager
        self._sockets = sockets

    async def sessions(self, request: Request) -> Response:
        """List all sessions, newest first, and count the open websockets."""
        most, before = read_page(request)
        infos, position = await self._manager.page_sessions(request.query_params.get("user"), most, before=before)
        rows = [msgspec.convert(info, schemas.SessionSeen, from_attributes=True) for info in infos]
        return json_response(schemas.SessionsSeen(rows, len(self._sockets), next_page(position)))

    async def stop(self, request: Request) -> Response:
        """Interrupt the work of a session."""
        session_id = str(request.path_params["session_id"])
        await self._manager.get_session_owner(session_id)
        if self._manager.registry.get(session_id) is None:
            return json_response(schemas.Stopped(False))
        answer = await self._manager.interrupt(session_id)
        if not isinstance(answer, SubmissionRefusal):
            return json_response(schemas.Stopped(True))
        if answer.code in (codes.NOTHING_TO_INTERRUPT, codes.SESSION_CLOSED):
            return json_response(schemas.Stopped(False))
        return HTTPRefusal("unavailable", answer.message).as_response()


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/api/admin/sessions",
        needs="admin",
        handler=AdminRoutes.sessions,
        name="Admin_sessions",
        query=(*PAGE_QUERY, Query("user", "only the sessions of this user", {"type": "string"})),
        answers={200: schemas.SessionsSeen},
        refusals=(503,),
    ),
    Endpoint(
        method="POST",
        path="/api/admin/sessions/{session_id}/stop",
        needs="admin",
        handler=AdminRoutes.stop,
        name="Admin_stop",
        answers={200: schemas.Stopped},
        refusals=(404, 503),
    ),
)
