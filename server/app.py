"""Application: the server as an ASGI app, with its routes and its lifespan."""

import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Scope

from agent.models.types import ModelInfo
from agent.tools import ToolRouter
from server import __version__
from server.ahp.rules import ahp_rules
from server.auth.authenticator import Authenticator
from server.auth.authorization import AccessRules
from server.auth.principal import Principal
from server.config.settings import Settings
from server.http import schemas
from server.http.compatible.uploads import Uploads
from server.http.errors import EXCEPTION_HANDLERS
from server.http.middleware import AccessMiddleware
from server.http.routes.admin import AdminRoutes
from server.http.routes.ag_ui import AgUiRoutes
from server.http.routes.files import FileRoutes
from server.http.routes.forks import ForkRoutes
from server.http.routes.instructions import InstructionRoutes
from server.http.routes.listed import ListedRoutes
from server.http.routes.login import LoginRoutes
from server.http.routes.mcp import McpRoutes
from server.http.routes.meta import MetaRoutes
from server.http.routes.oauth import OauthRoutes
from server.http.routes.openai import OpenaiRoutes
from server.http.routes.sessions import SessionRoutes
from server.http.routes.shares import ShareRoutes
from server.http.routes.tickets import TicketRoutes
from server.http.routes.upgrade import UpgradeRoutes
from server.http.table import access_rules, openapi_document, starlette_routes
from server.http.web import PageRoutes, StaticRoutes
from server.journal.base import SessionRow
from server.running import Parts, RunningServer, create_parts, open_server
from server.sessions.manager import SessionManager
from server.telemetry import log_context
from server.telemetry.secrets import KnownSecrets
from server.util.refusal import HTTPRefusal
from server.websocket.admission import SocketAdmission
from server.websocket.endpoint import WEBSOCKET_RULES, NoSuchRoute, SocketEndpoint

log = logging.getLogger("holdfast.app")


def build_app(
    settings: Settings, environ: Mapping[str, str] = os.environ, known: KnownSecrets | None = None
) -> Starlette:
    """The server as an ASGI app. Its lifespan opens the journal and ends everything it began.

    `app.state.parts` is what exists before it runs (`server.running.Parts`), `app.state.running` what its lifespan opens
    (`RunningServer`). `app.state.hand_over(reason, cut_short)` and `app.state.drain(reason)` end sessions and sockets before the process stops.
    """
    application = Application(create_parts(settings, environ, known or KnownSecrets(settings, environ)))
    app = Starlette(
        lifespan=application.lifespan,
        middleware=[
            Middleware(
                AccessMiddleware,
                settings=settings,
                rules=AccessRules(access_rules(), (*WEBSOCKET_RULES, *ahp_rules(settings.compatible.ahp))),
                authenticate=application.authenticate,
                refused=application.count_refusal,
            )
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.router.redirect_slashes = False  # it would redirect to the Host that a proxy wrote
    app.state.parts = application.parts
    app.state.hand_over = application.hand_over
    app.state.drain = application.drain
    return app


class Application:
    """A server's parts, and the running server while the lifespan runs."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._running: RunningServer | None = None

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Open the server; at the end close everything that was opened, whatever of it fails, the journal last."""
        async with contextlib.AsyncExitStack() as ends:
            running = self._running = app.state.running = await open_server(self.parts, ends)
            app.router.routes = routes(self.parts, running)
            folder = self.parts.settings.journal.folder
            log.info("started: Holdfast %s, model %s, data in %s", __version__, self.parts.choice.model, folder)
            try:
                yield
            finally:
                log.info("stopping")

    async def authenticate(self, scope: Scope) -> Principal | HTTPRefusal:
        """Who the request comes from, or why it is refused."""
        if self._running is None:
            return HTTPRefusal("unavailable", "the server is not ready")
        principal = await self._running.authenticator.authenticate(scope)
        if isinstance(principal, Principal):
            log_context.bind(user=self._running.users.of(principal.user_id))
        return principal

    def count_refusal(self, code: str) -> None:
        """Count a request or an upgrade that was refused."""
        self.parts.metrics.denials.of(code).inc()

    async def hand_over(self, reason: str, cut_short: Callable[[], bool]) -> None:
        """Before `drain`: let other servers go on with the sessions, if there are any, until `cut_short` says so."""
        if self._running is not None:
            await self._running.hand_over(reason, self.parts.settings.nodes.drain_s, cut_short)

    async def drain(self, reason: str) -> None:
        """Let every session end its work and every socket get `reason`, before the process stops."""
        if self._running is not None:
            await self._running.drain(reason)


def config(parts: Parts, authenticated: bool) -> schemas.Config:
    """The answer of `GET /api/config`; to a caller without credentials only how to log in."""
    settings, auth = parts.settings, parts.settings.auth
    public = schemas.Config(
        "holdfast", __version__, schemas.AuthInfo(auth.mode, auth.mode != "local" or auth.local_token)
    )
    if not authenticated:
        return public
    return msgspec.structs.replace(
        public,
        model=parts.choice.model,
        demo=parts.choice.demo,
        model_reason=parts.choice.reason,
        models=_offered_models(parts),
        allow_other_models=settings.other_models_allowed,
        sandbox=parts.toolsets.offer,
        mcp=parts.toolsets.mcp.statuses(),
        page=schemas.PageInfo(settings.page.image_sources),
        limits=settings.limits(),
        modes=list(settings.policy.policy().mode_names),
    )


def _offered_models(parts: Parts) -> list[ModelInfo]:
    return [parts.models.info(name) for name in parts.offered()]


def routes(parts: Parts, running: RunningServer) -> list[BaseRoute]:
    """Every route of the server: websockets first, then the endpoint tables of the HTTP routes."""
    settings, sessions, authenticator = parts.settings, running.manager, running.authenticator
    admission = SocketAdmission(parts.sockets, settings.limits(), settings.socket.sockets_max)
    endpoint = SocketEndpoint(sessions, parts.is_demo, parts.metrics, admission)
    metrics = parts.metrics.text if settings.metrics.enabled else None
    uploads = Uploads(parts.toolsets.workspace, parts.executors.disk, running.storage)
    handlers = [
        PageRoutes(settings.auth.frame_ancestors, settings.page.image_sources),
        StaticRoutes(),
        MetaRoutes(
            lambda authenticated: config(parts, authenticated),
            sessions.registry.refusal,
            metrics,
            openapi_document,
        ),
        SessionRoutes(
            sessions, parts.toolsets.projects, parts.executors.disk, parts.toolsets.given_servers.give, running.search
        ),
        ForkRoutes(running.forker, sessions),
        InstructionRoutes(sessions),
        ListedRoutes(sessions),
        FileRoutes(sessions, parts.toolsets.workspace, parts.executors.disk, running.storage),
        McpRoutes(sessions, partial(_open_tools, parts, sessions)),
        ShareRoutes(sessions, authenticator.shares, settings.server.public_address),
        AdminRoutes(sessions, parts.sockets, settings.nodes.called),
        LoginRoutes(authenticator, settings),
        TicketRoutes(authenticator.tickets),
        UpgradeRoutes(),
        AgUiRoutes(sessions, admission, uploads, enabled=settings.compatible.ag_ui),
        OpenaiRoutes(sessions, admission, parts.offered, enabled=settings.compatible.openai),
        *_oauth_routes(authenticator, settings),
    ]
    return [
        *(WebSocketRoute(rule.path, endpoint) for rule in WEBSOCKET_RULES),
        *(_ahp_routes(parts, sessions, admission) if settings.compatible.ahp else ()),
        WebSocketRoute("/{path:path}", NoSuchRoute()),
        *starlette_routes(handlers),
    ]


def _ahp_routes(parts: Parts, sessions: SessionManager, admission: SocketAdmission) -> list[BaseRoute]:
    from server.ahp.endpoint import AhpEndpoint  # most servers do not serve it, and start sooner without

    models, modes = partial(_offered_models, parts), list(parts.settings.policy.policy().mode_names)
    ahp = AhpEndpoint(sessions, parts.toolsets.projects, parts.executors.disk, models, modes, parts.metrics, admission)
    return [WebSocketRoute(rule.path, ahp) for rule in ahp_rules(served=True)]


async def _open_tools(parts: Parts, sessions: SessionManager, row: SessionRow) -> ToolRouter:
    """Tools of a session that another server runs, for a moment."""
    token = await sessions.registry.services.owner_tokens.get(row.user_id)
    given = await parts.toolsets.given_servers.of(row.session_id)
    return parts.toolsets.tools_for(row, token, given, visiting=True)


def _oauth_routes(authenticator: Authenticator, settings: Settings) -> list[OauthRoutes]:
    if settings.auth.mode != "oauth":
        return []
    from server.auth.backends.oauth import OauthBackend  # it takes a quarter of a second to import

    assert isinstance(authenticator.backend, OauthBackend)
    return [OauthRoutes(authenticator, authenticator.backend, settings)]
