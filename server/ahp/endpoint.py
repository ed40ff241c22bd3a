"""Endpoint: serves `GET /ahp`. Checks the request, then runs a connection or refuses the upgrade."""

import logging
from collections.abc import Callable
from weakref import WeakSet

from starlette.types import Receive, Scope, Send

from agent.models.types import ModelInfo
from agent.util.executors import WorkExecutor
from agent.workspace.project_roots import ProjectFolders
from protocol import SUBPROTOCOL_KEY, SUBPROTOCOL_TICKET
from server.ahp.commands import Host
from server.ahp.connection import AhpConnection
from server.ahp.rpc import Message
from server.auth.principal import Principal
from server.sessions.manager import SessionManager
from server.telemetry.metrics import Metrics
from server.transport.websocket import transport_of
from server.util.refusal import RequestRefused
from server.websocket.admission import SocketAdmission

log = logging.getLogger("holdfast.ahp")


class AhpEndpoint:
    """ASGI app for the websocket scope. The middleware has authenticated the caller already."""

    def __init__(
        self,
        manager: SessionManager,
        projects: ProjectFolders,
        disk: WorkExecutor,
        models: Callable[[], list[ModelInfo]],
        modes: list[str],
        metrics: Metrics,
        admission: SocketAdmission,
    ) -> None:
        self._metrics, self._admission = metrics, admission
        self._clients: dict[str, WeakSet[AhpConnection]] = {}
        self._host = Host(manager, projects, disk, models, modes, admission, self._tell)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        await receive()
        principal: Principal = scope["state"]["principal"]
        try:
            self._admission.check(principal)
        except RequestRefused as refused:
            self._metrics.denials.of(refused.refusal.code).inc()
            await refused.refusal.send(scope, send)
            return
        socket = AhpConnection(self._host, principal, receive, send, transport_of(scope, send))
        clients = self._clients.setdefault(principal.user_id, WeakSet())
        clients.add(socket)
        try:
            with self._metrics.sockets.track_inprogress(), self._admission.open.track(principal, socket.end):
                log.info("opened: a client of the Agent Host Protocol")
                await socket.run(_subprotocol(scope))
        finally:
            clients.discard(socket)
            if not clients:
                self._clients.pop(principal.user_id, None)
            log.info("closed: %d", socket.closed_with)

    def _tell(self, user_id: str, method: str, params: Message) -> None:
        for client in list(self._clients.get(user_id, ())):
            client.tell(method, params)


def _subprotocol(scope: Scope) -> str | None:
    """The first subprotocol that is offered and is no credential: the protocol asks for none."""
    offered = [str(name) for name in scope.get("subprotocols", [])]
    return next((name for name in offered if not name.startswith((SUBPROTOCOL_KEY, SUBPROTOCOL_TICKET))), None)
