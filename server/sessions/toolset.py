"""Toolset: puts together the tools of each session, from the settings and its owner's Hugging Face token."""

import asyncio
import hmac
import logging
import secrets
import threading
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

from agent.policy.effects import EffectKind
from agent.sandbox.factory import (
    NO_SHELL,
    FilesOnlyBackend,
    RemoteBackend,
    RemoteSandboxFactory,
    SandboxBackend,
    open_backend,
)
from agent.sandbox.remote.hub_owner import RemoteSandboxThreads
from agent.sandbox.remote.sandbox import RemoteSandbox
from agent.sandbox.sandbox import SandboxInfo, SandboxRequest, SessionSandbox
from agent.sandbox.session_snapshots import SessionSnapshots
from agent.tools import BUILT_IN_NAMES, AskUserTool, BashTool, PlanTool, Tool, ToolRouter, Workspace, file_tools
from agent.tools.hub import HUB_TOOL_NAMES, HubClient, HubThreads, hub_tools
from agent.tools.late_router import LateToolRouter
from agent.tools.mcp import FIND_TOOLS, READ_RESOURCE, McpServers
from agent.tools.mcp.settings import McpServer
from agent.tools.paid import PaidTool
from agent.tools.research import ResearchTool
from agent.tools.web import WebClient, WebFetchTool
from agent.util.executors import Executors
from agent.util.names import Reach, resolver
from agent.util.places import SERVER, Holder
from agent.workspace.agents_md import ProjectNotes
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import Sandbox
from agent.workspace.project import ProjectFolder
from agent.workspace.project_roots import ProjectFolders
from agent.workspace.shown.images import WorkspaceImages
from agent.workspace.snapshots import SnapshotStore
from server.config.settings import Settings
from server.journal.base import Journal, SessionRow
from server.journal.nodes.base import Nodes
from server.sessions.nodes.given_servers import GivenServers
from server.sessions.rows import load_options
from server.sessions.sandbox_claims import SessionClaims
from server.sessions.storage import SessionStorage, StorageAccount
from server.sessions.workspaces import remove_workspace, snapshots_folder, workspace_folder
from server.telemetry.secrets import KnownSecrets
from server.util.checkout import checkout
from server.util.private_files import load_or_create_key

KEY_FILE = "sandbox.key"
KEY_BYTES = 32
MAX_FILE_BYTES = 1_024


class SandboxKey:
    """The key from which the secrets of Spaces are derived: a private file in the data folder, made at the first use."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEY_FILE
        self._key = b""
        self._lock = threading.Lock()

    def open(self) -> bytes:
        """The key. The first call reads or writes the file, and blocks. Raises `PrivateFileError`."""
        with self._lock:
            if not self._key:
                self._key = load_or_create_key(self._path, _new_key, MAX_FILE_BYTES).strip()
            return self._key

    def secret_for(self, claim_id: str) -> str:
        """The secret of the Space of this claim: 64 hex digits, the same at each call (HMAC-SHA-256)."""
        return hmac.new(self.open(), b"holdfast sandbox\0" + claim_id.encode(), sha256).hexdigest()


log = logging.getLogger("holdfast.toolbox")

RESERVED_NAMES = frozenset(
    {*BUILT_IN_NAMES, WebFetchTool.name, *HUB_TOOL_NAMES, ResearchTool.name, FIND_TOOLS, READ_RESOURCE}
)
"""All built-in tools, also those that the settings switch off: no MCP server may offer a tool under one of these names."""
ON_THE_HOST: frozenset[EffectKind] = frozenset({"write_outside", "network"})
ON_THE_NETWORK: frozenset[EffectKind] = frozenset({"network"})


def _new_key() -> bytes:
    return secrets.token_hex(KEY_BYTES).encode() + b"\n"


def _open_store(files: Path, session_id: str, workspace: Workspace) -> SnapshotStore:
    return SnapshotStore(snapshots_folder(files, session_id), workspace)


def _shared_tools(settings: Settings) -> list[Tool]:
    """The tools that know nothing of a session: one of each for all of them."""
    timeout_s = settings.turn.tool_timeout_s
    tools: list[Tool] = [PlanTool(settings.workspace), AskUserTool(timeout_s)]
    if settings.research.enabled:
        tools.append(ResearchTool(settings.research, settings.policy.policy(), timeout_s))
    return tools


class ToolsetFactory:
    """Makes the `ToolRouter` of each session that is activated, and removes the workspaces of deleted sessions.

    `mcp`: the MCP servers that sessions share; `given_servers`: those that clients gave. `projects`: the project folders that are allowed.
    `remote`: makes and deletes remote sandboxes.
    """

    def __init__(self, settings: Settings, known_secrets: KnownSecrets, executors: Executors) -> None:
        self._settings = settings
        self._known_secrets = known_secrets
        self._executors = executors
        self._hub_threads = HubThreads(executors.hub, executors.hub_follow)
        self._web = WebClient(settings.web, executors)
        self._backend: SandboxBackend | None = None
        self._without_login = FilesOnlyBackend(settings.sandbox, NO_SHELL, executors.search)
        self._shared_tools = _shared_tools(settings)
        elsewhere = settings.sandbox.kind in ("hub", "space")
        why_none = "the commands of this server run elsewhere (`sandbox.kind`): it has no project folders"
        self._files = settings.files_folder  # kept: it would be asked for six times a session
        own = list(dict.fromkeys([settings.journal.folder, self._files]))
        self.projects = ProjectFolders(settings.workspace.roots, own, why_none if elsewhere else "")
        self.given_servers = GivenServers(settings, known_secrets)
        self.mcp = McpServers(settings.mcp_servers, settings.mcp, settings.journal.folder / "mcp")
        self._journal: Journal | None = None
        self._storage: StorageAccount | None = None
        self._key = SandboxKey(settings.journal.folder)
        remote_threads = RemoteSandboxThreads(self._hub_threads, executors.sandbox, executors.sandbox_commands)
        self.remote = RemoteSandboxFactory(settings.sandbox, settings.hub, remote_threads, self._key.secret_for)

    def names(self) -> list[str]:
        """The names of the tools that sessions may have."""
        web_names = (WebFetchTool.name,) if self._settings.web.tools else ()
        research_names = (ResearchTool.name,) if self._settings.research.enabled else ()
        return [*BUILT_IN_NAMES, *web_names, *(HUB_TOOL_NAMES if self._settings.hub.tools else ()), *research_names]

    async def open(self, journal: Journal, storage: StorageAccount | None = None, nodes: Nodes | None = None) -> None:
        """Find out which sandbox this machine offers, log it, and start to connect to the shared MCP servers.

        Call it before `tools_for`. `journal`: stores the claims of remote sandboxes. `storage`: counts files. `nodes`: if several servers
        share the sessions. Raises `PrivateFileError`.
        """
        self._journal, self._storage = journal, storage
        if nodes is not None:
            self.given_servers.share(nodes)
        if self._settings.sandbox.kind == "space":
            await self._executors.server.run(self._key.open, SERVER)
        own = (self._settings.journal.folder, self._files, checkout())
        hidden = tuple(dict.fromkeys(folder for folder in own if folder is not None))
        opening = partial(open_backend, self._settings.sandbox, hidden, self.remote, self._executors.search)
        self._backend = await self._executors.server.run(opening, SERVER)
        offer = self._backend.offer
        if offer.kind == "host":
            log.warning("sandbox.kind is `host`: the agent's commands run unprotected, in %s", offer.says)
        elif offer.shell:
            log.info("commands run in %s", offer.says)
        else:
            log.info("commands are off, there is no tool `bash`: %s", offer.reason)
        self.mcp.start()

    @property
    def offer(self) -> SandboxInfo:
        """The sandbox that sessions have. Raises RuntimeError before `open`."""
        return self._opened_backend.offer

    def saves_workspace(self, row: SessionRow, hf_token: str | None) -> bool:
        """Whether copies of the session's files are kept: of those on this machine, but not of the user's own folder, which git is for."""
        remote = isinstance(self._opened_backend, RemoteBackend) and hf_token
        return not (remote or load_options(row.options).cwd)

    def late_tools_for(self, row: SessionRow, hf_token: str | None, given: Mapping[str, McpServer]) -> ToolRouter:
        """As `tools_for`, made at their first use."""
        self._learn(hf_token)
        return LateToolRouter(lambda: self.tools_for(row, hf_token, given))

    def _learn(self, hf_token: str | None) -> None:
        if hf_token:
            self._known_secrets.learn("Hugging Face token", hf_token)

    def tools_for(
        self, row: SessionRow, hf_token: str | None, given: Mapping[str, McpServer], *, visiting: bool = False
    ) -> ToolRouter:
        """The session's tools. `hf_token`: its owner's Hugging Face token, if one is known. `given`: its client's MCP servers.

        `visiting`: another server runs the session, and its remote sandbox: what MCP servers give is saved as an upload is, which that
        server brings there.
        """
        turn = self._settings.turn
        self._learn(hf_token)
        redactor = self._known_secrets.for_sessions
        disk = DiskExecutor(self._executors.disk, Holder(row.user_id, row.session_id), self._executors.walks)
        workspace = self.workspace(row)
        storage = None if self._storage is None else self._storage.for_session(row)
        sandbox, offer = self._sandbox(row, workspace, disk, storage, hf_token)
        cwd = load_options(row.options).cwd
        inside = self._sandbox_tools(sandbox, offer, disk.holder, cwd)
        snapshots = None
        if isinstance(sandbox, RemoteSandbox):
            inside = [PaidTool(tool, sandbox) for tool in inside]
        if self.saves_workspace(row, hf_token):
            open_store = partial(_open_store, self._files, row.session_id, workspace)
            snapshots = SessionSnapshots(open_store, workspace, disk, storage)
        tools = [*self._shared_tools, *inside, *self._web_tools(sandbox, disk.holder)]
        tools += self._hub_tools(sandbox, hf_token, disk.holder)
        local = None if isinstance(sandbox, RemoteSandbox) else workspace.root
        reach = None  # of the operator's own choice; addresses that one of several users chose are checked
        if self._settings.auth.mode != "local":
            names = self._executors.names.of(disk.holder)
            reach = Reach(resolver(names), self._settings.web.allow_private_networks)
        saving = (
            self._sandbox(row, workspace, disk, storage, None)[0]
            if visiting and isinstance(sandbox, RemoteSandbox)
            else sandbox
        )
        mcp = self.mcp.for_session(row.user_id, hf_token, RESERVED_NAMES, saving.write, local, given, reach)
        return ToolRouter(
            tools,
            sources=[mcp] if mcp is not None else [],
            closers=[*dict.fromkeys([sandbox.close, saving.close])],
            max_output_tokens=turn.tool_output_max_tokens,
            timeout_s=turn.tool_timeout_s,
            redactor=redactor,
            notes=ProjectNotes(workspace, disk, turn.agents_md_max_bytes, redactor.redact),
            images=WorkspaceImages(workspace, disk),
            snapshots=snapshots,
            library=None if mcp is None else partial(mcp.library, redactor),
        )

    def _sandbox(
        self,
        row: SessionRow,
        workspace: Workspace,
        disk: DiskExecutor,
        storage: SessionStorage | None,
        hf_token: str | None,
    ) -> tuple[Sandbox, SandboxInfo]:
        """The session's sandbox, which starts at its first use, and what it offers."""
        backend = self._opened_backend
        assert self._journal is not None
        session = SandboxRequest(
            session_id=row.session_id,
            workspace=workspace,
            disk=disk,
            hf_token=hf_token,
            claims=SessionClaims(self._journal, row.session_id, row.user_id),
            storage=storage if workspace.counted else None,
        )
        if isinstance(backend, RemoteBackend):
            if hf_token and workspace.counted:
                return backend.open(session), backend.offer
            backend = self._without_login
        offer = backend.offer
        says = offer.says if workspace.counted else f"{offer.says}. The workspace is the user's folder {workspace.root}"
        return SessionSandbox(
            partial(backend.create, session), says, network=offer.network, storage=storage, counts=workspace.counts
        ), offer

    def _sandbox_tools(self, sandbox: Sandbox, offer: SandboxInfo, holder: Holder, cwd: str) -> list[Tool]:
        tools = file_tools(
            sandbox,
            self._settings.workspace,
            self._executors.conversion.of(holder),
            cwd,
            remote=isinstance(sandbox, RemoteSandbox),
        )
        if offer.shell:
            effects = ON_THE_HOST if offer.kind == "host" else ON_THE_NETWORK if offer.network else frozenset()
            tools.append(BashTool(sandbox, self._settings.sandbox, effects))
        return tools

    def _web_tools(self, sandbox: Sandbox, holder: Holder) -> list[Tool]:
        if not self._settings.web.tools:
            return []
        return [WebFetchTool(self._web, sandbox, self._settings.workspace, holder)]

    def _hub_tools(self, sandbox: Sandbox, hf_token: str | None, holder: Holder) -> list[Tool]:
        settings = self._settings
        if not settings.hub.tools:
            return []
        hub = HubClient(settings.hub, self._hub_threads, hf_token, holder)
        return hub_tools(hub, sandbox, settings.turn.tool_timeout_s)

    @property
    def _opened_backend(self) -> SandboxBackend:
        if self._backend is None:
            raise RuntimeError("ToolsetFactory.open has not been called")
        return self._backend

    def hub(self, hf_token: str) -> HubClient:
        """A Hub client that acts with this token, for the server."""
        return HubClient(self._settings.hub, self._hub_threads, hf_token, SERVER)

    def workspace(self, row: SessionRow) -> Workspace:
        """The session's files on this machine."""
        limits = self._settings.workspace
        own = Workspace(self._folder(row.session_id), limits)
        cwd = load_options(row.options).cwd
        return ProjectFolder(Path(cwd), limits, own, partial(self.projects.refusal, cwd)) if cwd else own

    async def remove_workspace(self, row: SessionRow) -> None:
        """Remove the files of a session that is being deleted; what cannot be removed is logged. Raises `PlacesTaken`."""
        self.given_servers.drop(row.session_id)
        remove = partial(remove_workspace, self._files, row.session_id)
        await self._executors.disk.run(remove, Holder(row.user_id, row.session_id))

    async def aclose(self) -> None:
        """Close what the sessions' tools share. Call it when no session is active any more."""
        await asyncio.gather(self.remote.aclose(), self.mcp.aclose())
        await self._hub_threads.aclose()

    def _folder(self, session_id: str) -> Path:
        return workspace_folder(self._files, session_id)
