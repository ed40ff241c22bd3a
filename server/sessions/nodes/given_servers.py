"""Given servers: the MCP servers that clients gave to their sessions: in memory, or encrypted in the database that several servers share."""

import asyncio
import base64
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agent.tools.mcp.client_servers import ClientServers, Taken
from agent.tools.mcp.settings import McpServer, entry_secrets
from server.config.settings import Settings
from server.journal.nodes.base import Nodes
from server.telemetry.secrets import KnownSecrets

log = logging.getLogger("holdfast.toolbox")

KEY: Final = "mcp servers"
"""What the key that encrypts them is derived for."""
ID_BYTES: Final = 12

LOOKS: Final = 40
"""How often it is looked whether the server that runs the session has heard of them. One that is lost is followed by another, which reads
them."""

LOOK_S: Final = 0.05
"""Pause between two of these looks."""


class Stored(msgspec.Struct, frozen=True):
    """What is encrypted. `session_id`: so that nothing is read as another session's."""

    session_id: str
    servers: dict[str, dict[str, Any]]


class GivenServers:
    """The servers that each session's client gave."""

    def __init__(self, settings: Settings, known_secrets: KnownSecrets) -> None:
        auth = settings.auth
        self._programs = auth.mode == "local" and auth.local_token
        """Whether programs are started at all: who read the token is the user as whom the server runs."""
        self._secret = auth.secret
        self._known_secrets = known_secrets
        self._own = ClientServers(settings.mcp_servers)
        self._nodes: Nodes | None = None

    def share(self, nodes: Nodes) -> None:
        """Keep them in the database from now on."""
        from server.auth.encryption import CredentialCipher  # what it needs takes long to import
        from server.auth.shared_keys import derive

        self._cipher = CredentialCipher(base64.urlsafe_b64encode(derive(self._secret, KEY)))
        self._nodes = nodes

    async def give(self, session_id: str, servers: Mapping[str, Mapping[str, Any]], *, by_token: bool) -> Taken:
        """Keep these for the session, which has them from its next activation on; the server that runs it has heard of them.

        `by_token`: the client has shown the server's token, not a cookie. Raises `Deleted`, `NotFound`, `Unavailable`.
        """
        may_run = self._programs and by_token
        if self._nodes is None:
            taken = self._own.give(session_id, servers, may_run=may_run)
            self._learn(self._own.of(session_id))
            return taken
        kept, refused = self._own.judge(servers, may_run=may_run)
        self._learn(kept)
        if kept == await self._stored(session_id):
            return Taken(refused)
        stored = Stored(session_id, {name: dict(servers[name]) for name in kept})
        sealed = self._cipher.encrypt(msgspec.json.encode(stored)) if kept else b""
        word = f"servers-{secrets.token_hex(ID_BYTES)}"
        if await self._nodes.give(session_id, sealed, word):
            for _ in range(LOOKS):
                if not await self._nodes.waits(session_id, word):
                    break
                await asyncio.sleep(LOOK_S)
        return Taken(refused, changed=True)

    async def of(self, session_id: str) -> Mapping[str, McpServer]:
        """The session's servers. Those that this server would refuse are left out. Raises `Unavailable`."""
        return self._own.of(session_id) if self._nodes is None else await self._stored(session_id) or {}

    async def _stored(self, session_id: str) -> Mapping[str, McpServer] | None:
        """Those in the database; None: they cannot be read."""
        assert self._nodes is not None
        sealed = await self._nodes.given(session_id)
        if not sealed:
            return {}
        data = self._cipher.decrypt(sealed)
        stored = None if data is None else msgspec.json.decode(data, type=Stored)
        if stored is None or stored.session_id != session_id:
            log.warning(
                "session %s: its client's MCP servers were kept with another auth.secret: they must be given again",
                session_id,
            )
            return None
        kept, refused = self._own.judge(stored.servers, may_run=self._programs)
        if refused:
            log.info("session %s: MCP servers of its client are left out here: %s", session_id, refused)
        self._learn(kept)
        return kept

    def drop(self, session_id: str) -> None:
        """The session is deleted; in the database they go with it."""
        self._own.drop(session_id)

    def _learn(self, servers: Mapping[str, McpServer]) -> None:
        for entry in servers.values():
            for name, value in entry_secrets(entry):
                self._known_secrets.learn(name, value)
