"""The HTTP routes of admins: they see which sessions there are and stop their work. They do not read them."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.session.messages import SubmissionRefusal
from protocol import codes
from protocol.content import SessionStatus
from server.http.responses import answer
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal
from server.websocket.registry import SocketRegistry


class SessionSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A session as an admin sees it: nothing of what was said in it, its title neither."""

    session_id: str
    user_id: str
    state: SessionStatus
    is_active: bool
    is_processing: bool
    created_at: str
    last_active_at: str
    message_count: int
    seq: int


class AdminRoutes:
    """The guard lets in who has the right `admin`."""

    def __init__(self, manager: SessionManager, sockets: SocketRegistry) -> None:
        self._manager = manager
        self._sockets = sockets

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        return [
            Route("/api/admin/sessions", self.sessions, methods=["GET"]),
            Route("/api/admin/sessions/{session_id}/stop", self.stop, methods=["POST"]),
        ]

    async def sessions(self, request: Request) -> Response:
        """All sessions, or those of `?user=`, the newest first; and how many sockets are open."""
        infos = await self._manager.list_sessions(request.query_params.get("user"))
        seen = [SessionSeen(**{name: getattr(info, name) for name in SessionSeen.__struct_fields__}) for info in infos]
        return answer({"sessions": seen, "sockets": len(self._sockets)})

    async def stop(self, request: Request) -> Response:
        """Interrupt what the session does; its owner sees an `interrupt` that was accepted."""
        session_id = str(request.path_params["session_id"])
        await self._manager.get_session_owner(session_id)
        if self._manager.registry.get(session_id) is None:
            return answer({"stopped": False})
        refused = await self._manager.interrupt(session_id)
        if not isinstance(refused, SubmissionRefusal):
            return answer({"stopped": True})
        if refused.code in (codes.NOTHING_TO_INTERRUPT, codes.SESSION_CLOSED):
            return answer({"stopped": False})
        return HTTPRefusal("unavailable", refused.message).as_response()
