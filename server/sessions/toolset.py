"""The body's tools: puts together what one session may use, from the settings and its owner's rights."""

import asyncio
import hmac
import logging
import secrets
import threading
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
from agent.sandbox.remote.sandbox import RemoteSandbox
from agent.sandbox.sandbox import SandboxInfo, SandboxRequest, SessionSandbox
from agent.tools import BUILT_IN_NAMES, BashTool, PlanTool, Tool, ToolRouter, Workspace, file_tools
from agent.tools.hub import HUB_TOOL_NAMES, HubClient, HubThreads, hub_tools
from agent.tools.mcp import McpServers
from agent.tools.paid import PaidTool
from agent.tools.research import ResearchTool
from agent.tools.web import Web, WebFetchTool
from agent.workspace.agents_md import ProjectNotes
from agent.workspace.files import Sandbox
from server.config.settings import Settings
from server.journal.base import Journal, SessionRow
from server.sessions.sandbox_claims import SessionClaims
from server.sessions.workspaces import remove_workspace, workspace_folder
from server.telemetry.secrets import KnownSecrets
from server.util.checkout import checkout
from server.util.private_files import load_or_create_key

FILE = "sandbox.key"
KEY_BYTES = 32
MAX_FILE_BYTES = 1_024


class KeyFile:
    """The key, made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._key = b""
        self._lock = threading.Lock()

    def open(self) -> bytes:
        """The key. Blocks at first. Raises `PrivateFileError`."""
        with self._lock:
            if not self._key:
                self._key = load_or_create_key(self._path, _new_key, MAX_FILE_BYTES).strip()
            return self._key

    def secret_for(self, claim_id: str) -> str:
        """The secret of the Space that this claim names, 64 hex digits; always the same."""
        return hmac.new(self.open(), b"holdfast sandbox\0" + claim_id.encode(), sha256).hexdigest()


log = logging.getLogger("holdfast.toolbox")

NAMES = frozenset({*BUILT_IN_NAMES, WebFetchTool.name, *HUB_TOOL_NAMES, ResearchTool.name})
"""Of all our tools, also of those that are not offered here: rules and grants that name one mean no other's."""
ON_THE_HOST: frozenset[EffectKind] = frozenset({"write_outside", "network"})
ON_THE_NETWORK: frozenset[EffectKind] = frozenset({"network"})


def _new_key() -> bytes:
    return secrets.token_hex(KEY_BYTES).encode() + b"\n"


class ToolsetFactory:
    """Makes each session's ToolRouter when it wakes, and takes its workspace away when it is deleted."""

    def __init__(self, settings: Settings, known_secrets: KnownSecrets) -> None:
        self._settings = settings
        self._known_secrets = known_secrets
        self._hub_threads = HubThreads(settings.hub)
        self._web = Web(settings.web)
        self._kind: SandboxBackend | None = None
        self.mcp = McpServers(settings.mcp_servers, settings.mcp)
        self._journal: Journal | None = None
        self._key = KeyFile(settings.journal.folder)
        self.elsewhere = RemoteSandboxFactory(settings.sandbox, settings.hub, self._hub_threads, self._key.secret_for)
        """What sandboxes elsewhere are made with, and given back."""

    def names(self) -> list[str]:
        """The tools that every session may have."""
        of_the_web = (WebFetchTool.name,) if self._settings.web.tools else ()
        of_research = (ResearchTool.name,) if self._settings.research.enabled else ()
        return [*BUILT_IN_NAMES, *of_the_web, *(HUB_TOOL_NAMES if self._settings.hub.tools else ()), *of_research]

    async def open(self, journal: Journal) -> None:
        """Look what sandbox this machine has, say so in the log, and begin to connect to the MCP servers that sessions share.

        Before sessions get their tools. `journal`: keeps what their sandboxes claim. Raises `PrivateFileError`.
        """
        self._journal = journal
        if self._settings.sandbox.kind == "space":
            await asyncio.to_thread(self._key.open)
        hidden = tuple(folder for folder in (self._settings.journal.folder, checkout()) if folder is not None)
        self._kind = await asyncio.to_thread(open_backend, self._settings.sandbox, hidden, self.elsewhere)
        offer = self._kind.offer
        if offer.kind == "host":
            log.warning("sandbox.kind is `host`: the agent's commands run unprotected, in %s", offer.says)
        elif offer.shell:
            log.info("commands run in %s", offer.says)
        else:
            log.info("commands are off, there is no tool `bash`: %s", offer.reason)
        self.mcp.start()

    @property
    def offer(self) -> SandboxInfo:
        """What sandbox sessions have. Raises RuntimeError before `open`."""
        return self._sandbox_kind.offer

    def tools_for(self, row: SessionRow, hf_token: str | None) -> ToolRouter:
        """The session's tools, with its owner's Hugging Face token where one is known."""
        turn = self._settings.turn
        if hf_token:
            self._known_secrets.learn("Hugging Face token", hf_token)
        redact = self._known_secrets.for_sessions.redact
        sandbox, offer = self._sandbox(row, hf_token)
        inside = self._in_sandbox(sandbox, offer)
        if isinstance(sandbox, RemoteSandbox):
            inside = [PaidTool(tool, sandbox) for tool in inside]
        tools = [PlanTool(self._settings.workspace), *inside]
        tools += [*self._of_the_web(sandbox), *self._of_the_hub(sandbox, hf_token), *self._research()]
        mcp = self.mcp.for_session(row.user_id, hf_token, NAMES, sandbox.write)
        return ToolRouter(
            tools,
            sources=[mcp] if mcp is not None else [],
            closers=[sandbox.close],
            max_output_tokens=turn.tool_output_max_tokens,
            timeout_s=turn.tool_timeout_s,
            redact=redact,
            notes=ProjectNotes(self.workspace(row.session_id), turn.agents_md_max_bytes, redact),
        )

    def _sandbox(self, row: SessionRow, hf_token: str | None) -> tuple[Sandbox, SandboxInfo]:
        """The session's sandbox, which is made when it is first used, and what it offers."""
        kind = self._sandbox_kind
        assert self._journal is not None
        session = SandboxRequest(
            session_id=row.session_id,
            workspace=self.workspace(row.session_id),
            hf_token=hf_token,
            claims=SessionClaims(self._journal, row.session_id, row.user_id),
        )
        if isinstance(kind, RemoteBackend):
            if hf_token:
                return kind.of(session), kind.offer
            kind = FilesOnlyBackend(self._settings.sandbox, NO_SHELL)
        offer = kind.offer
        return SessionSandbox(lambda: kind.make(session), offer.says, network=offer.network), offer

    def _in_sandbox(self, sandbox: Sandbox, offer: SandboxInfo) -> list[Tool]:
        tools = file_tools(sandbox, self._settings.workspace)
        if offer.shell:
            effects = ON_THE_HOST if offer.kind == "host" else ON_THE_NETWORK if offer.network else frozenset()
            tools.append(BashTool(sandbox, self._settings.sandbox, effects))
        return tools

    def _of_the_web(self, sandbox: Sandbox) -> list[Tool]:
        return [WebFetchTool(self._web, sandbox, self._settings.workspace)] if self._settings.web.tools else []

    def _of_the_hub(self, sandbox: Sandbox, hf_token: str | None) -> list[Tool]:
        settings = self._settings
        if not settings.hub.tools:
            return []
        return hub_tools(settings.hub, self._hub_threads, hf_token, sandbox, settings.turn.tool_timeout_s)

    def _research(self) -> list[Tool]:
        settings = self._settings
        return [ResearchTool(settings.research, settings.policy.policy())] if settings.research.enabled else []

    @property
    def _sandbox_kind(self) -> SandboxBackend:
        if self._kind is None:
            raise RuntimeError("the toolbox is not open yet")
        return self._kind

    def hub(self, hf_token: str) -> HubClient:
        """The Hub, as somebody with this token."""
        return HubClient(self._settings.hub, self._hub_threads, hf_token)

    def workspace(self, session_id: str) -> Workspace:
        """The session's files on this machine."""
        return Workspace(self._folder(session_id), self._settings.workspace)

    async def forget(self, session_id: str) -> None:
        """Remove the files of a session that is being deleted; what cannot be removed is logged."""
        await asyncio.to_thread(remove_workspace, self._settings.journal.folder, session_id)

    async def aclose(self) -> None:
        """No session is awake any more: end what their tools shared."""
        await asyncio.gather(self.elsewhere.aclose(), self.mcp.aclose())
        await self._hub_threads.aclose()

    def _folder(self, session_id: str) -> Path:
        return workspace_folder(self._settings.journal.folder, session_id)
