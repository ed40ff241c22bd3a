"""Serving: a server in the test's event loop, on a free loopback port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import Scope

from agent.util.tasks import TaskOwner
from server.auth.authorization import AccessRules, Rule
from server.auth.principal import LOCAL, Principal
from server.config.server import ServerSettings
from server.config.settings import Settings
from server.config.sockets import SocketSettings
from server.http.middleware import AccessMiddleware
from server.transport import listeners
from server.transport.server import Server
from tests.support.constants import built_in

WAIT_S = 10.0
RULES = AccessRules([Rule("/api/me", "anyone")], [Rule("/ws", "sessions")])


def settings_for(**socket: object) -> Settings:
    """Settings of a server on a free port, with these bounds of its sockets."""
    bounds = msgspec.convert(built_in("socket", socket), SocketSettings)
    return Settings(server=ServerSettings(port=0, graceful_shutdown_s=5.0), socket=bounds)


async def everybody(scope: Scope) -> Principal:
    """Lets everyone in as the local user."""
    return LOCAL


def app_of(routes: list[BaseRoute], settings: Settings) -> Starlette:
    """An app behind the access middleware."""
    guard = Middleware(AccessMiddleware, settings=settings, rules=RULES, authenticate=everybody)
    return Starlette(routes=routes, middleware=[guard])


class Running:
    """A server that runs, and the port it is on."""

    def __init__(self, server: Server, port: int, ended: "asyncio.Task[None]") -> None:
        self.server = server
        self.port = port
        self._ended = ended

    async def stop(self) -> None:
        """Stop it as a signal would, and wait for its end."""
        self.server.should_exit = True
        await asyncio.wait_for(asyncio.shield(self._ended), WAIT_S)


@contextlib.asynccontextmanager
async def serving(
    app: Starlette, settings: Settings, sockets: list[socket.socket] | None = None
) -> AsyncIterator[Running]:
    """The server, running on `sockets` or on new ones; stopped at the end."""
    owner = TaskOwner("test server")
    sockets = sockets or listeners.open_sockets(settings)
    port = listeners.local_port(sockets)
    assert port is not None
    started = asyncio.Event()
    server = Server(app, settings, started.set)
    running = Running(server, port, owner.start(server.serve_app(sockets), "serve"))
    await asyncio.wait_for(started.wait(), WAIT_S)
    try:
        yield running
    finally:
        await running.stop()
        await owner.aclose()
