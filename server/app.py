"""The composition root: puts journal, models, tools, manager, socket and routes together, and owns their lives."""

import contextlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Mapping

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.types import Scope

from agent.models import Catalog, ModelChoice, Models, OwnerModelClient, choose_model
from agent.tools import ToolRouter
from agent.util.tasks import TaskOwner
from agent.util.tracing import NO_TRACER
from protocol.content import ShareLink
from server import __version__
from server.auth.authenticator import Authenticator, create_authenticator
from server.auth.authorization import AccessRules
from server.auth.backends.local import LocalBackend
from server.auth.principal import Principal
from server.config.settings import Settings
from server.http import schemas
from server.http.errors import EXCEPTION_HANDLERS
from server.http.middleware import AccessMiddleware
from server.http.routes.admin import AdminRoutes
from server.http.routes.files import FileRoutes
from server.http.routes.login import LoginRoutes
from server.http.routes.meta import MetaRoutes
from server.http.routes.oauth import OauthRoutes
from server.http.routes.sessions import SessionRoutes
from server.http.routes.shares import ShareRoutes
from server.http.table import access_rules, openapi_document, starlette_routes
from server.http.web import PageRoutes, StaticRoutes
from server.jobs.dataset_export import SessionExporter
from server.jobs.retention import Retention
from server.journal.base import Journal, SessionRow
from server.journal.sqlite import open_journal
from server.sessions.factory import SessionFactory, make_rules
from server.sessions.manager import SessionManager
from server.sessions.owner_tokens import OwnerTokens
from server.sessions.quotas import USERS_MAX, Quotas
from server.sessions.registry import SessionRegistry, SessionServices
from server.sessions.sandbox_claims import SandboxCollector
from server.sessions.toolset import ToolsetFactory
from server.telemetry import log_context
from server.telemetry.log_context import LogContext, UserHashes
from server.telemetry.metrics import Metrics
from server.telemetry.secrets import KnownSecrets
from server.telemetry.session_observer import Observer
from server.telemetry.tracing import Tracing, open_tracing
from server.util.rate_limit import KeyedRateLimiter
from server.util.refusal import HTTPRefusal
from server.websocket.endpoint import WEBSOCKET_RULES, NoSuchRoute, SocketEndpoint
from server.websocket.registry import SocketRegistry
from server.websocket.revocation import RevocationWatcher

log = logging.getLogger("holdfast.app")


def build_app(
    settings: Settings, environ: Mapping[str, str] = os.environ, known: KnownSecrets | None = None
) -> Starlette:
    """The server as an ASGI app. Its lifespan opens the journal and ends everything it began.

    `app.state.choice` says which model answers and why; `app.state.drain(reason)` gives the sockets the first word when
    the process is told to stop; `app.state.manager` is there while the lifespan runs.
    """
    choice = choose_model(settings.model.model, environ, settings.model.calls.defaults)
    house = House(settings, choice, known or KnownSecrets(settings, environ))
    app = Starlette(
        lifespan=house.lifespan,
        middleware=[
            Middleware(
                AccessMiddleware,
                settings=settings,
                rules=AccessRules(access_rules(), WEBSOCKET_RULES),
                authenticate=house.authenticate,
                refused=house.refused,
            )
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.state.choice = choice
    app.state.drain = house.drain
    app.state.house = house
    return app


class House:
    """Everything of one server that lives as long as its app."""

    def __init__(self, settings: Settings, choice: ModelChoice, known: KnownSecrets) -> None:
        self.settings = settings
        self.known_secrets = known
        self.choice = choice
        self.models = Models(settings.model.calls, Catalog(settings.model.models))
        self.toolbox = ToolsetFactory(settings, known)
        self.metrics = Metrics(self.offered(), self.toolbox.names())
        self.users = UserHashes(secrets.token_bytes(log_context.SALT_BYTES))
        self.manager: SessionManager | None = None
        self.tracing = Tracing(NO_TRACER)
        self.authenticator: Authenticator | None = None
        self.sockets = SocketRegistry()
        pace, watched = settings.users.submissions_per_minute, USERS_MAX
        self._pace = KeyedRateLimiter(pace / 60, pace, watched)
        self._data = settings.journal.folder

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Open the journal, take up work; at the end finish everything, whatever of it fails, then close the journal."""
        async with contextlib.AsyncExitStack() as ends:
            await self._begin(app, ends)
            log.info("started: Holdfast %s, model %s, data in %s", __version__, self.choice.model, self._data)
            try:
                yield
            finally:
                log.info("stopping")

    async def _begin(self, app: Starlette, ends: contextlib.AsyncExitStack) -> None:
        """Begin all that lives as long as the app. `ends`: how each ends, the last first."""
        kept = self.settings.sessions
        journal = await open_journal(self._data, self.settings.journal)
        ends.callback(log.debug, "the journal is closed")
        ends.push_async_callback(journal.aclose)
        tasks = TaskOwner("app")
        ends.push_async_callback(self.models.aclose)
        ends.push_async_callback(tasks.aclose)
        self.tracing = open_tracing(self.settings.tracing)
        ends.push_async_callback(self.tracing.aclose)
        self.users = log_context.user_hashes(self._data, secrets.token_bytes(log_context.SALT_BYTES))
        authenticator = self.authenticator = await create_authenticator(self.settings, self._links)
        ends.push_async_callback(authenticator.aclose)
        ends.push_async_callback(self.toolbox.aclose)
        await self.toolbox.open(journal)
        if isinstance(authenticator.backend, LocalBackend):
            self.known_secrets.learn("local token", authenticator.backend.token)
        give_back = self.toolbox.remote.give_back
        owner_tokens = OwnerTokens(authenticator.hub_token, USERS_MAX)
        sweeper = SandboxCollector(journal, give_back, owner_tokens, self.settings.sandbox, self.metrics)
        ends.push_async_callback(sweeper.aclose)
        exporter = self._exporter(journal, owner_tokens)
        ends.push_async_callback(exporter.aclose)
        manager = self.manager = app.state.manager = self._manager(journal, owner_tokens, sweeper, exporter)
        ends.push_async_callback(manager.registry.aclose)
        retention = Retention(manager, after_days=kept.delete_after_days, empty_after_s=kept.delete_empty_after_s)
        ends.push_async_callback(retention.aclose)
        watch = RevocationWatcher(authenticator, self.sockets, self.settings.auth.recheck_s)
        ends.push_async_callback(watch.aclose)
        self._watch(manager)
        self._route(app, manager, authenticator)
        if self.settings.server.preload_model:
            tasks.start(self.models.load(), "load models")
        manager.registry.start()
        retention.start()
        exporter.start(lambda: [actor.session_id for actor in manager.registry.all()])
        sweeper.start(manager.registry)
        watch.start()

    async def _links(self, session_id: str) -> list[ShareLink]:
        return [] if self.manager is None else await self.manager.links(session_id)

    async def authenticate(self, scope: Scope) -> Principal | HTTPRefusal:
        """Who the request comes from."""
        if self.authenticator is None:
            return HTTPRefusal("unavailable", "the server is not ready")
        found = await self.authenticator.authenticate(scope)
        if isinstance(found, Principal):
            log_context.bind(user=self.users.of(found.user_id))
        return found

    def refused(self, code: str) -> None:
        """A request or socket was refused at the door."""
        self.metrics.denials.of(code).inc()

    async def drain(self, reason: str) -> None:
        """The process will stop: let every session end and every socket say so."""
        if self.manager is not None:
            log.info("draining: %d sessions awake, %d sockets", self.manager.active_session_count, len(self.sockets))
            await self.manager.registry.drain(reason)

    def is_demo(self, model: str) -> bool:
        """Whether the built-in demo answers under this name."""
        return self.models.info(model).demo

    def offered(self) -> list[str]:
        """The models a client may choose from, the server's own first."""
        return list(dict.fromkeys([self.choice.model, *self.models.catalog.names]))

    def config(self, authenticated: bool) -> schemas.Config:
        """The answer of `GET /api/config`; to a caller without credentials only how to log in."""
        settings, auth = self.settings, self.settings.auth
        public = schemas.Config(
            "holdfast", __version__, schemas.AuthInfo(auth.mode, auth.mode != "local" or auth.local_token)
        )
        if not authenticated:
            return public
        return msgspec.structs.replace(
            public,
            model=self.choice.model,
            demo=self.choice.demo,
            model_reason=self.choice.reason,
            models=[self.models.info(name) for name in self.offered()],
            allow_other_models=settings.model.allow_other_models,
            sandbox=self.toolbox.offer,
            mcp=self.toolbox.mcp.statuses(),
            page=schemas.PageInfo(settings.page.image_sources),
            limits=settings.limits(),
        )

    def _manager(
        self, journal: Journal, owner_tokens: OwnerTokens, sweeper: SandboxCollector, exporter: SessionExporter
    ) -> SessionManager:
        quotas = Quotas(journal, self.settings.users)

        def tools_for(row: SessionRow, token: str | None) -> ToolRouter:
            if token:
                sweeper.owner_token_known(row.user_id)
            return self.toolbox.tools_for(row, token)

        def on_end(row: SessionRow) -> None:
            exporter.look()
            if row.state == "closed":
                sweeper.soon()

        factory = SessionFactory(
            models_for=lambda token: OwnerModelClient(self.models, token),
            tools_for=tools_for,
            rules_for=lambda tools, user_id: make_rules(
                self.settings, self.models, self.known_secrets, tools, lambda: quotas.refuse(user_id), self.offered()
            ),
            observer_for=self._observer,
        )
        services = SessionServices(journal, factory, quotas, owner_tokens, lambda: self.choice.model, on_end)
        registry = SessionRegistry(services, self.settings.sessions, self.settings.journal)
        return SessionManager(registry, self.toolbox.remove_workspace, sweeper)

    def _exporter(self, journal: Journal, owner_tokens: OwnerTokens) -> SessionExporter:
        return SessionExporter(
            journal, self.settings.export, owner_tokens.get, self.toolbox.hub, self.metrics, self._data
        )

    def _observer(self, row: SessionRow) -> Observer:
        about = LogContext(session=row.session_id, user=self.users.of(row.user_id))
        return Observer(self.metrics, about, self.tracing.tracer)

    def _watch(self, sessions: SessionManager) -> None:
        self.metrics.watch(
            lambda: sessions.active_session_count, lambda: [actor.row.state for actor in sessions.registry.all()]
        )

    def _route(self, app: Starlette, sessions: SessionManager, authenticator: Authenticator) -> None:
        endpoint = SocketEndpoint(
            sessions,
            self.settings,
            self.is_demo,
            self.metrics,
            self.sockets,
            self._pace,
        )
        metrics = self.metrics.text if self.settings.metrics.enabled else None
        handlers = [
            PageRoutes(self.settings.auth.frame_ancestors, self.settings.page.image_sources),
            StaticRoutes(),
            MetaRoutes(self.config, lambda: sessions.registry.draining, metrics, openapi_document),
            SessionRoutes(sessions),
            FileRoutes(sessions, self.toolbox.workspace),
            ShareRoutes(sessions, authenticator.shares),
            AdminRoutes(sessions, self.sockets),
            LoginRoutes(authenticator, self.settings),
            *_oauth_routes(authenticator, self.settings),
        ]
        app.router.routes = [
            *(WebSocketRoute(rule.path, endpoint) for rule in WEBSOCKET_RULES),
            WebSocketRoute("/{path:path}", NoSuchRoute()),
            *starlette_routes(handlers),
        ]


def _oauth_routes(authenticator: Authenticator, settings: Settings) -> list[OauthRoutes]:
    if settings.auth.mode != "oauth":
        return []
    from server.auth.backends.oauth import OauthBackend  # it takes a quarter of a second to import

    assert isinstance(authenticator.backend, OauthBackend)
    return [OauthRoutes(authenticator, authenticator.backend, settings)]
