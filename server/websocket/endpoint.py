"""Websocket endpoint: serves `/ws` and `/ws/{session_id}`. Checks the request, then runs a connection or refuses the upgrade."""

import logging
import secrets
import time
from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Scope, Send

from agent.util.errors import fault_id, fault_message
from protocol.content import AccessLevel
from server.auth.authorization import Rule
from server.auth.principal import Principal
from server.journal.base import JournalError
from server.sessions.access import authorize_session
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.manager import SessionManager
from server.sessions.rows import load_options
from server.telemetry import log_context
from server.telemetry.metrics import Metrics
from server.transport.websocket import transport_of
from server.util.refusal import HTTPRefusal, RequestRefused
from server.websocket.admission import SocketAdmission
from server.websocket.connection import Connection
from server.websocket.handshake import Encoding, Position, choose_encoding, read_options, session_refusal
from server.websocket.peer import ConnectionContext, Peer
from server.websocket.size_warnings import SizeWarnings
from server.websocket.snapshots import SnapshotPool

log = logging.getLogger("holdfast.socket")

CONN_BYTES = 4
WEBSOCKET_RULES: Final = (Rule("/ws", "sessions"), Rule("/ws/{session_id}", "session"))
"""What the upgrade needs, by path."""


class SocketEndpoint:
    """ASGI app for the websocket scope. The middleware has authenticated the caller already."""

    def __init__(
        self,
        manager: SessionManager,
        is_demo: Callable[[str], bool],
        metrics: Metrics,
        admission: SocketAdmission,
    ) -> None:
        self._manager = manager
        self._context = ConnectionContext(
            manager.journal, admission.limits, metrics, SnapshotPool(), is_demo, SizeWarnings()
        )
        self._metrics = metrics
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        await receive()
        try:
            await self._serve(scope, receive, send)
        except RequestRefused as refused:
            self._metrics.denials.of(refused.refusal.code).inc()
            await refused.refusal.send(scope, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal = scope["state"]["principal"]
        session_id = scope.get("path_params", {}).get("session_id")
        encoding = choose_encoding(list(scope.get("subprotocols", [])))
        options = read_options(scope.get("query_string", b""))
        running = False
        try:
            level: AccessLevel = "owner"
            cwd = ""
            if session_id is None:
                attached = self._manager.attach_new(principal.user_id)
            else:
                access = await authorize_session(self._manager.registry, principal, session_id)
                level, principal, cwd = access.level, access.principal, load_options(access.row.options).cwd
                attached = self._manager.attach(access.row, prepared=options.position is None)
            self._admission.check(principal)
            async with attached as port:
                self._admission.check_attached(principal, port)
                running = True
                policy = self._admission.policy(principal, level)
                peer = Peer(receive, send, transport_of(scope, send), encoding, options)
                socket = Connection(port, policy, peer, self._context, cwd)
                log_context.bind(session=port.session_id, conn=secrets.token_hex(CONN_BYTES))
                with self._metrics.sockets.track_inprogress(), self._admission.open.track(principal, socket.end):
                    await self._run(socket, options.position, encoding)
        except (SessionNotFound, SessionCapacityError, GoingAway, JournalError) as error:
            if running:
                raise
            raise RequestRefused(session_refusal(error)) from error
        except RequestRefused:
            raise
        except Exception as error:
            if running:
                raise
            error_id = fault_id()
            log.error("fault %s: a socket could not be bound to a session", error_id, exc_info=error)
            raise RequestRefused(HTTPRefusal("internal", fault_message(error_id), id=error_id)) from error

    async def _run(self, socket: Connection, position: Position | None, encoding: Encoding) -> None:
        began = time.monotonic()
        log.info("opened: %s, %s", encoding.kind, "a snapshot" if position is None else f"after {position.seq}")
        try:
            await socket.run(position)
        finally:
            self._metrics.closes.of(str(socket.closed_with), socket.closed_by).inc()
            log.info(
                "closed: %d after %.3f s, %d frames in, %d out",
                socket.closed_with,
                time.monotonic() - began,
                socket.frames_in,
                socket.frames_out,
            )


class NoSuchRoute:
    """ASGI app for websocket requests to any other path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the upgrade."""
        await receive()
        await HTTPRefusal("not_found", "sockets are at /ws and /ws/{session_id}").send(scope, send)
