"""MCP servers: the connections that all sessions share, and the tools and connections of one session."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import MappingProxyType

import msgspec

from agent.redaction import Redactor
from agent.tools.base import Tool
from agent.tools.mcp.connection import McpConnection, McpStatus
from agent.tools.mcp.listing import briefly
from agent.tools.mcp.naming import Identity, name_tools
from agent.tools.mcp.offering import FIND_TOOLS, KEPT_MAX, FindTools, offered
from agent.tools.mcp.resource_tool import READ_RESOURCE, ReadResource
from agent.tools.mcp.results import ResultReader, SaveFile
from agent.tools.mcp.session_library import SessionLibrary
from agent.tools.mcp.settings import McpLimits, McpServer
from agent.tools.mcp.tool import McpTool
from agent.util.names import Reach

log = logging.getLogger("holdfast.mcp")

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")

READY_WAIT_S = 5.0
"""How long a call waits for servers that start for the first time: most do it in less, and one that downloads takes minutes."""

OWN_WAIT_S = 2.0
"""How long the first model call of a session waits for the servers that belong to it alone. Most start in a second."""

NAMES_MAX = 10_000
"""Tool names that a session remembers; after that, new tools of a server get no name."""


class McpServers:
    """The MCP servers of the config. Owns the shared connections, from `start` to `aclose`.

    `folder`: each shared server works in a folder below it; None: where Holdfast was started.
    """

    def __init__(self, servers: Mapping[str, McpServer], limits: McpLimits, folder: Path | None = None) -> None:
        self._entries = {name: entry for name, entry in servers.items() if not entry.disabled}
        self._limits = limits
        self._shared = {
            name: McpConnection(name, entry, workspace=folder and folder / folder_name(name))
            for name, entry in self._entries.items()
            if entry.is_shared
        }

    def start(self) -> None:
        """Begin to connect to the shared servers."""
        for connection in self._shared.values():
            connection.start()

    async def aclose(self) -> None:
        """End the shared servers."""
        await asyncio.gather(*(connection.aclose() for connection in self._shared.values()))

    def statuses(self) -> list[McpStatus]:
        """The status of each server, in the order of the config. Servers with one connection per session are `per_session`."""
        given = offered(
            {f"{one.name} {tool.name}": (one.name, tool.name) for one in self._shared.values() for tool in one.tools},
            self._limits.offered_max,
        )
        return [
            self._status(self._shared[name], given) if name in self._shared else McpStatus(name, "per_session", "", 0)
            for name in self._entries
        ]

    def _status(self, one: McpConnection, given: AbstractSet[str]) -> McpStatus:
        """A server's status, with the tools that models must search for."""
        searched = {tool.name for tool in one.tools if f"{one.name} {tool.name}" not in given}
        if not searched:
            return one.status
        reason = f"the servers have more than {self._limits.offered_max} tools; models find it with {FIND_TOOLS}"
        left_out = {known.name: known.reason for known in one.left_out} | dict.fromkeys(sorted(searched), reason)
        return msgspec.structs.replace(one.status, left_out=briefly(left_out))

    def for_session(
        self,
        user_id: str,
        token: str | None,
        taken: AbstractSet[str],
        save: SaveFile,
        workspace: Path | None = None,
        clients: Mapping[str, McpServer] = MappingProxyType({}),
        reach: Reach | None = None,
    ) -> "SessionServers | None":
        """The tools of one session; None if no server is configured. `token`: the owner's Hugging Face token. `taken`: names
        that MCP tools do not get. `save`: writes files of its workspace. `workspace`: its folder, where it is on this machine:
        the session's own servers work in it. `clients`: those that a client gave to the session; `reach`: where these may lead."""
        if not self._entries and not clients:
            return None
        own = [
            McpConnection(name, entry, token if entry.owner_token else None, workspace)
            for name, entry in self._entries.items()
            if not entry.is_shared
        ]
        own += [McpConnection(name, entry, None, workspace, reach) for name, entry in clients.items()]
        return SessionServers(list(self._shared.values()), own, self._limits, user_id, taken, save)


def folder_name(server: str) -> str:
    """The name of a server's folder: its own name if that is one, else one that is made of it."""
    safe = _UNSAFE.sub("_", server)
    return server if safe == server else f"{safe}-{hashlib.sha256(server.encode()).hexdigest()[:8]}"


async def try_server(name: str, entry: McpServer) -> McpStatus:
    """Connect once, close the connection, and return its status."""
    connection = McpConnection(name, entry)
    connection.start()
    try:
        await connection.attempted.wait()
        return connection.status
    finally:
        await connection.aclose()


class SessionServers:
    """The tools of a session's MCP servers: a ToolSource. Owns the connections that belong to the session alone."""

    def __init__(
        self,
        shared: Sequence[McpConnection],
        own: Sequence[McpConnection],
        limits: McpLimits,
        user_id: str,
        taken: AbstractSet[str],
        save: SaveFile,
    ) -> None:
        self._own = own
        self._all = [*shared, *own]
        self._limits = limits
        self._user_id = user_id
        self._taken = taken
        self._save = save
        self._assigned: dict[str, Identity] = {}
        self._found: list[str] = []
        self._last_listed: dict[str, tuple[str, ...]] = {}
        self._prepared = False
        self._versions: list[int] = []
        self._tools: dict[str, Tool] = {}

    def tools(self) -> Mapping[str, Tool]:
        """The tools that are available now, by name; the same object until something changed."""
        versions = [connection.version for connection in self._all]
        if versions != self._versions:
            self._versions = versions
            self._tools = self._build_tools()
        return self._tools

    def missing(self, name: str) -> str | None:
        """Why a tool of this name may be unavailable. Starts the session's own servers if they are not started yet."""
        self._start()
        identity = self._assigned.get(name)
        absent = [one for one in self._all if one.state != "up" and (identity is None or one.name == identity[0])]
        if identity is not None and not absent:
            return f"the MCP server {identity[0]} no longer has a tool under this name"
        if not absent:
            return None
        reasons = "; ".join(f"{one.name} ({one.reason})" for one in absent)
        return f"it may come from an MCP server that is not available now: {reasons}"

    async def prepare_model_call(self) -> None:
        """Start the session's own servers. Their first start is waited for, `OWN_WAIT_S` at most: else no first answer could use
        them. Nothing else is waited for."""
        if not self._prepared:
            self._prepared = True
            self._start()
            await self._wait(self._own, min(OWN_WAIT_S, READY_WAIT_S))

    async def wait_ready(self) -> None:
        """Wait until each server is connected or has failed once, for `READY_WAIT_S` at most: a call needs one of them."""
        self._start()
        await self._wait(self._all, READY_WAIT_S)

    async def _wait(self, connections: Sequence[McpConnection], most_s: float) -> None:
        waiting = [one for one in connections if not one.attempted.is_set()]
        try:
            async with asyncio.timeout(most_s):
                for one in waiting:
                    await one.attempted.wait()
        except TimeoutError:
            log.debug("MCP servers are still starting: %s", [one.name for one in waiting if not one.attempted.is_set()])

    async def aclose(self) -> None:
        """End the session's own servers."""
        await asyncio.gather(*(connection.aclose() for connection in self._own))

    async def library(self, redactor: Redactor) -> SessionLibrary:
        """What the servers offer to users. The session's own servers are started, and waited for as for a model call."""
        await self.prepare_model_call()
        return self._library(redactor)

    def _library(self, redactor: Redactor) -> SessionLibrary:
        reader = ResultReader("resource", self._save)
        return SessionLibrary(self._all, self._user_id, reader, redactor)

    def _start(self) -> None:
        for connection in self._own:
            connection.start()

    def _build_tools(self) -> dict[str, Tool]:
        # The tools of a server that is down keep their names, so that they have the same names when it is back.
        for one in self._all:
            if one.state == "up":
                self._last_listed[one.name] = tuple(tool.name for tool in one.tools)
        named = name_tools(self._last_listed, self._taken, self._assigned)
        listed = {(one.name, tool.name): (one, tool) for one in self._all if one.state == "up" for tool in one.tools}
        there = {name: identity for name, identity in named.items() if identity in listed}
        given = offered(there, self._limits.offered_max, self._found)
        tools: dict[str, Tool] = {}
        for name, identity in sorted(named.items()):
            if name not in self._assigned and len(self._assigned) >= NAMES_MAX:
                continue
            self._assigned[name] = identity
            if identity not in listed:
                continue
            connection, tool = listed[identity]
            reader = ResultReader(tool.name, self._save)
            tools[name] = McpTool(name, tool, connection, self._user_id, reader, offered=name in given)
        hidden = {name: tool for name, tool in tools.items() if name not in given}
        if hidden:
            tools[FIND_TOOLS] = FindTools(hidden, self._on_found)
        with_resources = [one for one in self._all if one.state == "up" and one.resources.found]
        if with_resources:
            # The router redacts what tools give.
            tools[READ_RESOURCE] = ReadResource(with_resources, self._library(Redactor()))
        return tools

    def _on_found(self, names: Sequence[str]) -> None:
        """A search found these: they are offered from now on, before those that were found earlier."""
        self._found = list(dict.fromkeys([*names, *self._found]))[:KEPT_MAX]
        self._versions = []
