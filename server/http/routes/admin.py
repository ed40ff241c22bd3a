"""Routes of admins: list all sessions and stop their work, list the servers. Admins cannot read the sessions."""

from typing import Final

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from agent.session.messages import SubmissionRefusal
from protocol import codes
from server import __version__
from server.http import schemas
from server.http.endpoints import Endpoint, Query
from server.http.paging import PAGE_QUERY, next_page, read_page
from server.http.responses import json_response
from server.journal.nodes.base import Nodes
from server.journal.nodes.listing import NodeSeen
from server.sessions.manager import SessionManager
from server.util.clock import utc_now
from server.util.refusal import HTTPRefusal
from server.websocket.registry import SocketRegistry


class AdminRoutes:
    """Handlers of the routes of admins. The access middleware requires the right `admin`."""

    def __init__(self, manager: SessionManager, sockets: SocketRegistry, name: str) -> None:
        """`name`: of this server."""
        self._manager = manager
        self._sockets = sockets
        self._name = name
        self._started_at = utc_now()

    async def sessions(self, request: Request) -> Response:
        """List all sessions, newest first, and count the open websockets."""
        most, before = read_page(request)
        infos, position = await self._manager.page_sessions(request.query_params.get("user"), most, before=before)
        rows = [msgspec.convert(info, schemas.SessionSeen, from_attributes=True) for info in infos]
        sockets = len(self._sockets)
        if self._nodes is not None:
            owners = await self._nodes.owners([row.session_id for row in rows])
            rows = [msgspec.structs.replace(row, node=owners.get(row.session_id, UNSET)) for row in rows]
            sockets += sum(one.sockets for one in await self._nodes.everybody() if self._is_other(one))
        return json_response(schemas.SessionsSeen(rows, sockets, next_page(position)))

    async def nodes(self, request: Request) -> Response:
        """List the servers that share the database; the one that answers, where there is one."""
        seen = [] if self._nodes is None else await self._nodes.everybody()
        infos = [
            schemas.NodeInfo(
                node=f"{one.number:x}",
                name=one.name,
                version=one.version,
                state=one.state,
                here=self._nodes is not None and one.number == self._nodes.number,
                started_at=one.started_at,
                last_beat_at=one.last_beat_at,
                sessions=one.sessions,
                sockets=one.sockets,
                duties=one.duties,
            )
            for one in seen
        ]
        return json_response(schemas.NodesSeen(infos if self._nodes is not None else [self._alone()]))

    async def stop(self, request: Request) -> Response:
        """Interrupt the work of a session."""
        session_id = str(request.path_params["session_id"])
        await self._manager.get_session_owner(session_id)
        registry = self._manager.registry
        if registry.get(session_id) is None and not await registry.ownership.runs_elsewhere(session_id):
            return json_response(schemas.Stopped(False))
        answer = await self._manager.interrupt(session_id)
        if not isinstance(answer, SubmissionRefusal):
            return json_response(schemas.Stopped(True))
        if answer.code in (codes.NOTHING_TO_INTERRUPT, codes.SESSION_CLOSED):
            return json_response(schemas.Stopped(False))
        return HTTPRefusal("unavailable", answer.message).as_response()

    @property
    def _nodes(self) -> Nodes | None:
        return self._manager.registry.services.nodes

    def _is_other(self, node: NodeSeen) -> bool:
        """Whether it is another server, which lives."""
        return self._nodes is not None and node.number != self._nodes.number and node.state != "dead"

    def _alone(self) -> schemas.NodeInfo:
        """This server, which shares its journal with none."""
        return schemas.NodeInfo(
            node="0",
            name=self._name,
            version=__version__,
            state="alive",
            here=True,
            started_at=self._started_at,
            last_beat_at=utc_now(),
            sessions=self._manager.active_session_count,
            sockets=len(self._sockets),
            duties=True,
        )


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
        method="GET",
        path="/api/admin/nodes",
        needs="admin",
        handler=AdminRoutes.nodes,
        name="Admin_nodes",
        answers={200: schemas.NodesSeen},
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
