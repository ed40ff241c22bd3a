"""Client servers: the MCP servers that clients gave to their sessions, as a server that is alone keeps them: in memory, as their headers
may be secrets.

They are there until the session is deleted, others are given, or the server stops; then the client gives them again.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from agent.tools.mcp.settings import McpServer

SERVERS_MAX: Final = 16
"""Servers of one session; more are refused."""
SESSIONS_MAX: Final = 256
"""Sessions whose servers are kept. One more takes the place of the one that was given longest ago."""
NAME_CHARS_MAX: Final = 64


class ClientServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One MCP server that a client gives: a `url` with `headers`, or a `command` with `args` and `env`. It is never trusted."""

    url: Annotated[str, Meta(max_length=4_096)] = ""
    headers: Annotated[dict[str, Annotated[str, Meta(max_length=8_192)]], Meta(max_length=32)] = {}
    command: Annotated[str, Meta(max_length=4_096)] = ""
    args: Annotated[list[Annotated[str, Meta(max_length=8_192)]], Meta(max_length=64)] = []
    env: Annotated[dict[str, Annotated[str, Meta(max_length=8_192)]], Meta(max_length=64)] = {}


class Taken(msgspec.Struct, frozen=True):
    """What became of given servers. `refused`: by name, with the reason. `changed`: whether the session has others now."""

    refused: dict[str, str]
    changed: bool = False


class ClientServers:
    """The servers of each session. `taken`: names of the operator's servers."""

    def __init__(self, taken: Mapping[str, object]) -> None:
        self._taken = frozenset(taken)
        self._kept: dict[str, dict[str, McpServer]] = {}

    def give(self, session_id: str, servers: Mapping[str, Mapping[str, Any]], *, may_run: bool) -> Taken:
        """Keep these servers in place of those before. `may_run`: whether the client may name programs."""
        kept, refused = self.judge(servers, may_run=may_run)
        before = self._kept.pop(session_id, {})
        if kept:
            self._kept[session_id] = kept
        if len(self._kept) > SESSIONS_MAX:
            del self._kept[next(iter(self._kept))]
        return Taken(refused, kept != before)

    def judge(
        self, servers: Mapping[str, Mapping[str, Any]], *, may_run: bool
    ) -> tuple[dict[str, McpServer], dict[str, str]]:
        """The servers that a session may have, and why the others are refused."""
        refused: dict[str, str] = {}
        kept: dict[str, McpServer] = {}
        for name, given in servers.items():
            server = self._read(name, given, may_run=may_run)
            if isinstance(server, McpServer) and len(kept) >= SERVERS_MAX:
                server = f"a session has at most {SERVERS_MAX} servers"
            if isinstance(server, str):
                refused[name] = server
            else:
                kept[name] = server
        return kept, refused

    def of(self, session_id: str) -> Mapping[str, McpServer]:
        """The servers of this session."""
        return self._kept.get(session_id, {})

    def drop(self, session_id: str) -> None:
        """The session is deleted."""
        self._kept.pop(session_id, None)

    def _read(self, name: str, given: Mapping[str, Any], *, may_run: bool) -> McpServer | str:
        """The server, or why it is refused."""
        if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
            return f"the name of a server has 1 to {NAME_CHARS_MAX} printable characters"
        if name in self._taken:
            return "the server has an MCP server of this name already"
        try:
            one = msgspec.convert(given, ClientServer)
            if one.command and not may_run:
                return "this server starts no programs for its clients: only one in `auth.mode` `local` does, for its token"
            return msgspec.convert(msgspec.to_builtins(one), McpServer)
        except msgspec.ValidationError as error:
            return str(error)
