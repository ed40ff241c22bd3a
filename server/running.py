"""Running server: everything that a server opens at its start and closes at its end, in that order."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from agent.models import Catalog, ModelChoice, Models, OwnerModelClient, choose_model, operator_bases
from agent.models.types import DEMO_MODEL
from agent.tools import ToolRouter
from agent.tools.hub import load_tools
from agent.tools.mcp.settings import McpServer
from agent.util.executors import Executors
from agent.util.places import SERVER
from agent.util.tasks import TaskOwner
from protocol import codes
from protocol.codes import CloseReason
from protocol.content import ShareLink
from protocol.events import NEWEST
from server.auth.authenticator import Authenticator
from server.auth.backends.local import LocalBackend
from server.auth.opening import create_authenticator
from server.auth.owner_tokens import OwnerTokens
from server.auth.shared_keys import check_secret, write_keys
from server.config.fingerprints import fingerprints
from server.config.settings import Settings
from server.jobs.dataset_export import SessionExporter
from server.jobs.garbage import FullCollections
from server.jobs.left_files import LeftFiles
from server.jobs.retention import Retention
from server.journal.backend import open_backend
from server.journal.base import Journal, SessionRow
from server.journal.data_dir import DATABASE
from server.journal.nodes.base import Nodes
from server.journal.nodes.listing import Load, differing
from server.search.searcher import SessionSearch, create_search
from server.sessions.factory import RulesFactory, SessionFactory
from server.sessions.forks.forker import Forker
from server.sessions.manager import SessionManager
from server.sessions.nodes.leaving import hand_over
from server.sessions.quotas import USERS_MAX, Quotas
from server.sessions.registry import SessionRegistry, SessionServices
from server.sessions.rows import load_options
from server.sessions.sandbox_claims import SandboxCollector
from server.sessions.storage import StorageAccount
from server.sessions.toolset import ToolsetFactory
from server.sessions.workspaces import SNAPSHOTS, WORKSPACES
from server.telemetry import log_context
from server.telemetry.log_context import UserHashes
from server.telemetry.metrics import Metrics
from server.telemetry.node_metrics import watch_nodes
from server.telemetry.secrets import KnownSecrets
from server.telemetry.session_observer import ObserverFactory
from server.telemetry.tracing import open_tracing
from server.util.disk_room import DiskRoom
from server.websocket.registry import SocketRegistry
from server.websocket.revocation import RevocationWatcher

log = logging.getLogger("holdfast.app")

LOAD_AFTER_S = 1.0
"""Time between the start of a server and the loading of what the first turn needs, which would take the processor from the start
and from its first clients. A turn that comes earlier loads it."""


class Parts(msgspec.Struct, frozen=True):
    """What exists before a server runs, and after it."""

    settings: Settings
    choice: ModelChoice
    known_secrets: KnownSecrets
    models: Models
    toolsets: ToolsetFactory
    metrics: Metrics
    sockets: SocketRegistry
    executors: Executors

    def offered(self) -> list[str]:
        """The models a client may choose from, the server's own first."""
        return offered(self.choice, self.models)

    def is_demo(self, model: str) -> bool:
        """Whether the built-in demo answers under this name."""
        return model == DEMO_MODEL


def create_parts(settings: Settings, environ: Mapping[str, str], known_secrets: KnownSecrets) -> Parts:
    """The parts of a server with these settings. `environ`: the credentials in it choose the model."""
    choice = choose_model(settings.model.model, environ, settings.model.calls.defaults)
    executors = Executors()
    catalog, calls = Catalog(settings.model.models), settings.model.calls
    one_user = settings.auth.mode == "local"
    bases = operator_bases(calls, catalog, environ, [choice.model], all_local=one_user)
    names = [choice.model, settings.research.model]
    models = Models(calls, catalog, bases, executors, named=names, configured=choice.model)
    toolsets = ToolsetFactory(settings, known_secrets, executors)
    metrics = Metrics(offered(choice, models), toolsets.names())
    return Parts(settings, choice, known_secrets, models, toolsets, metrics, SocketRegistry(), executors)


def offered(choice: ModelChoice, models: Models) -> list[str]:
    """The chosen model, then those of the catalog."""
    return list(dict.fromkeys([choice.model, *models.catalog.names]))


class RunningServer(msgspec.Struct):
    """A server between its start and its end."""

    manager: SessionManager
    authenticator: Authenticator
    users: UserHashes
    observers: ObserverFactory
    sockets: SocketRegistry
    storage: StorageAccount
    forker: Forker
    search: SessionSearch | None

    async def hand_over(self, reason: str, wait_s: float, cut_short: Callable[[], bool]) -> None:
        """Let other servers on the same database, if there are any, go on with the sessions; see `leaving.hand_over`."""
        registry = self.manager.registry
        await hand_over(
            registry, registry.services.nodes, CloseReason(codes.CLOSE_GOING_AWAY, reason), wait_s, cut_short
        )

    async def drain(self, reason: str) -> None:
        """End every session's work and close every socket with `reason`, before the process stops."""
        log.info("draining: %d sessions awake, %d sockets", self.manager.active_session_count, len(self.sockets))
        await self.manager.registry.drain(reason)


async def open_server(parts: Parts, ends: contextlib.AsyncExitStack) -> RunningServer:
    """Open everything and start its tasks. `ends` gets what closes each, so that the last opened is closed first.

    Raises `JournalError`, `PrivateFileError`, `SettingsError`.
    """
    settings, folder = parts.settings, parts.settings.journal.folder
    ends.push_async_callback(parts.executors.aclose)
    ends.callback(parts.executors.serve_library_names(asyncio.get_running_loop()))
    files = settings.files_folder
    journal, nodes, rows = await open_backend(
        settings.journal, settings.nodes, files if settings.workspace.place == "shared" else None
    )
    ends.callback(log.debug, "the journal is closed")
    ends.push_async_callback(journal.aclose)
    if files != folder and (left := folder / WORKSPACES).exists():
        log.warning(
            "%s is not looked at: sessions' files are in %s; move it and %s there to go on with them",
            left,
            files,
            folder / SNAPSHOTS,
        )
    if nodes is not None and rows is not None:
        await check_secret(rows, nodes, settings.auth.secret)
        write_keys(folder, settings.auth.secret)
    tasks = TaskOwner("app")
    ends.push_async_callback(parts.models.aclose)
    ends.push_async_callback(tasks.aclose)
    tracing = open_tracing(settings.tracing)
    ends.push_async_callback(tracing.aclose)
    users = log_context.user_hashes(folder, secrets.token_bytes(log_context.SALT_BYTES))
    observers = ObserverFactory(parts.metrics, users, tracing)

    async def links_of(session_id: str) -> list[ShareLink]:
        return await manager.links(session_id)

    authenticator = await create_authenticator(settings, links_of, parts.executors, rows)
    ends.push_async_callback(authenticator.aclose)
    if isinstance(authenticator.backend, LocalBackend):
        parts.known_secrets.learn("local token", authenticator.backend.token)
    ends.push_async_callback(parts.toolsets.aclose)
    outside = bool(settings.journal.url)
    room = DiskRoom(files / (WORKSPACES if outside else DATABASE))
    quotas = Quotas(journal, settings.users, disk_refusal=lambda: "" if outside else room.refusal(events=True))
    storage = StorageAccount(journal, quotas, room, files, settings.workspace, parts.executors.walks)
    await parts.toolsets.open(journal, storage, nodes)
    owner_tokens = OwnerTokens(authenticator.hub_token, USERS_MAX)
    release = parts.toolsets.remote.give_back
    collector = SandboxCollector(journal, release, owner_tokens, settings.sandbox, parts.metrics)
    ends.push_async_callback(collector.aclose)
    exporter = SessionExporter(
        journal, settings.export, owner_tokens.get, parts.toolsets.hub, parts.metrics, folder, parts.executors.disk
    )
    ends.push_async_callback(exporter.aclose)
    search = create_search(journal, folder, settings.search, parts.executors.server.of(SERVER))
    if search is not None:
        ends.push_async_callback(search.aclose)
    manager = _session_manager(parts, journal, nodes, quotas, owner_tokens, observers, collector, exporter, search)
    ends.push_async_callback(manager.registry.aclose)
    retention = Retention(manager, after_days=settings.sessions.delete_after_days)
    ends.push_async_callback(retention.aclose)
    if nodes is not None:
        left_files = LeftFiles(nodes, files, parts.executors.disk)
        ends.push_async_callback(left_files.aclose)
        left_files.start()
    watcher = RevocationWatcher(authenticator, parts.sockets)
    if rows is not None:
        rows.watch(watcher.reread_soon)
    ends.push_async_callback(watcher.aclose)

    def states() -> list[str]:
        return [actor.row.state for actor in manager.registry.all()]

    parts.metrics.watch(lambda: manager.active_session_count, states)
    collections = FullCollections(lambda: "running" in states())
    ends.push_async_callback(collections.aclose)
    collections.start()
    if settings.server.preload_model:
        tasks.start(_load_later(parts), "load models")
    if nodes is not None:
        watch_nodes(parts.metrics, nodes.counts, lambda: manager.active_session_count, lambda: nodes.beat_age_s)
        own = fingerprints(settings)
        told = msgspec.json.encode(own)
        most = settings.sessions.awake_max
        nodes.report(
            lambda: Load(manager.active_session_count, len(parts.sockets), told, _room(manager.registry, most))
        )
        for node in await nodes.everybody():
            if node.state == "alive" and (groups := differing(own, node.settings)):
                log.warning("settings here are not those of %s: %s", node.name, ", ".join(groups))
    manager.registry.forget_texts = None if search is None else search.forget
    manager.registry.start()
    retention.start()
    exporter.start(manager.used, lambda: manager.registry.ownership.is_first)
    collector.start(manager.registry)
    watcher.start()
    if search is not None:
        search.start()
    forker = Forker(manager, storage, files, settings.workspace, parts.executors.walks)
    return RunningServer(manager, authenticator, users, observers, parts.sockets, storage, forker, search)


def _room(registry: SessionRegistry, awake_max: int) -> int:
    """How many more sessions could be woken. One that may sleep makes room."""
    return awake_max - registry.count + sum(actor.may_sleep for actor in registry.all())


async def _load_later(parts: Parts) -> None:
    await asyncio.sleep(LOAD_AFTER_S)
    await parts.executors.server.run(parts.known_secrets.for_sessions.prepare_streams, SERVER)
    if parts.settings.hub.tools:
        await parts.executors.server.run(load_tools, SERVER)
    await parts.models.load()


def _session_manager(
    parts: Parts,
    journal: Journal,
    nodes: Nodes | None,
    quotas: Quotas,
    owner_tokens: OwnerTokens,
    observers: ObserverFactory,
    collector: SandboxCollector,
    exporter: SessionExporter,
    search: SessionSearch | None,
) -> SessionManager:
    async def delete_files(row: SessionRow) -> None:
        if search is not None:
            await search.forget(row.session_id)
        await parts.toolsets.remove_workspace(row)

    def tools_for(row: SessionRow, token: str | None, given: Mapping[str, McpServer]) -> ToolRouter:
        if token:
            collector.owner_token_known(row.user_id)
        return parts.toolsets.late_tools_for(row, token, given)

    def on_end(row: SessionRow) -> None:
        exporter.look()
        if row.state == "closed":
            collector.soon()

    rules = RulesFactory(parts.settings, parts.models, parts.known_secrets, parts.offered())
    factory = SessionFactory(
        models_for=lambda token, holder: OwnerModelClient(parts.models, token, holder),
        given=parts.toolsets.given_servers.of,
        tools_for=tools_for,
        saves_workspace=parts.toolsets.saves_workspace,
        rules_for=lambda tools, row: rules.make(
            tools, partial(quotas.refuse, row.user_id), load_options(row.options).instructions
        ),
        observer_for=lambda row: observers.create(row.session_id, row.user_id),
        spoken=lambda: NEWEST if nodes is None else nodes.spoken,
    )
    services = SessionServices(
        journal,
        factory,
        quotas,
        owner_tokens,
        lambda: parts.choice.model,
        on_end,
        exporter.look,
        nodes,
        lambda: parts.known_secrets.for_sessions,
    )
    registry = SessionRegistry(services, parts.settings.sessions)
    return SessionManager(registry, delete_files, collector)
