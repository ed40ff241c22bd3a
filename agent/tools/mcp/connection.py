"""One MCP server: the one task that connects to it, looks after it and begins anew when it fails.

The library cancels the task that entered its client when an HTTP server breaks off, so nobody else may enter it.
"""

import asyncio
import importlib
import logging
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from agent.tools.base import ToolLog
from agent.tools.mcp.calls import CallFailed, Calls
from agent.tools.mcp.errors import McpServerError, reason
from agent.tools.mcp.http import http_transport
from agent.tools.mcp.listing import ListedTool, read_tools
from agent.tools.mcp.settings import McpLimits, McpServer
from agent.tools.mcp.stdio import stdio_transport
from agent.util.backoff import Backoff
from agent.util.tasks import TaskOwner

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult, Tool

log = logging.getLogger("holdfast.mcp")

State = Literal["starting", "up", "down", "off", "per_session"]
PAGES_MAX = 100
CANCELS_MAX, CANCEL_AGAIN_S = 5, 2.0


class McpStatus(msgspec.Struct, frozen=True):
    """How a server is. `reason` is empty where all is well; `tools`: how many it has.

    `off`: it is not tried. `per_session`: each session has a connection of its own, and only it knows how that is.
    """

    name: str
    state: State
    reason: str
    tools: int


class McpConnection:
    """A server by its entry. `token`: its owner's, if it is given one. `version` grows whenever anything changed."""

    def __init__(self, name: str, entry: McpServer, limits: McpLimits, token: str | None = None) -> None:
        self.name = name
        self.entry = entry
        self.state: State = "starting"
        self.reason = "it is starting"
        self.tools: tuple[ListedTool, ...] = ()
        self.version = 0
        self.attempted = asyncio.Event()
        self._limits = limits
        self._token = token
        self._calls: Calls | None = None
        self._wake = asyncio.Event()
        self._broken, self._up_since = "", 0.0
        self._ended = False
        self._owner = TaskOwner("mcp")
        self._task: asyncio.Task[None] | None = None

    @property
    def status(self) -> McpStatus:
        """How it is now."""
        return McpStatus(self.name, self.state, self.reason, len(self.tools))

    def start(self) -> None:
        """Begin to connect; a second call does nothing, nor does one after the end."""
        if self._task is not None or self._ended:
            return
        if self.entry.owner_token and not self._token:
            self._set("off", "it needs its owner's Hugging Face token; log in with one")
            return
        self._task = self._owner.start(self._own(), self.name)

    async def aclose(self) -> None:
        """End it. Its process is gone afterwards."""
        self._ended = True
        task = self._task
        for _ in range(CANCELS_MAX):
            if task is None or task.done():
                break
            task.cancel()  # again, should the library have taken it for its own
            await asyncio.wait({task}, timeout=2 * self._limits.stop_wait_s + CANCEL_AGAIN_S)
        else:
            log.error("MCP server %s: its connection does not end", self.name)
        self._set("off", "it was ended")

    async def call(self, tool: str, arguments: dict[str, object], user_id: str, say: ToolLog) -> "CallToolResult":
        """Call a tool; what the server says meanwhile goes to `say`. Raises CallFailed; cancelled, it tells the server so."""
        if self._calls is None:
            raise CallFailed(f"not run: the MCP server {self.name} is not there: {self.reason}")
        return await self._calls.call(tool, arguments, user_id, say)

    # ------------------------------------------------------------------------------------------------ the owner's task

    async def _own(self) -> None:
        attempt, backoff = 0, Backoff(self._limits.backoff_initial_s, self._limits.backoff_max_s)
        await asyncio.to_thread(importlib.import_module, "mcp")  # half a second that the loop need not wait
        while not self._ended:
            fault: Exception
            try:
                # A server that cannot bear the newer protocol's question is greeted in the older way the next time.
                await self._connect("auto" if attempt % 2 == 0 else "legacy")
            except Exception as error:  # noqa: BLE001  # whatever it is, the server is tried again
                fault = error  # what broke off in the library comes as a group; a bare cancellation is our own
            else:
                fault = McpServerError("the connection ended")
            attempt = 0 if self._up_since else attempt + 1
            up_s = time.monotonic() - self._up_since if self._up_since else 0.0
            log.debug("MCP server %s failed", self.name, exc_info=fault)
            self._lost(reason(fault))
            if up_s >= self._limits.backoff_max_s:
                backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def _connect(self, mode: str) -> None:
        """Be connected until it breaks: then raises."""
        self._broken, self._up_since = "", 0.0
        self._wake.clear()
        client = self._made(mode)
        calls = Calls(self.name, self.entry, self._limits, client, self._suspect, self._why)
        listening = TaskOwner(f"mcp/{self.name}")
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self.entry.start_timeout_s):
                    await stack.enter_async_context(client)
                    listed = await self._listed(client)
                    tools = await asyncio.to_thread(read_tools, self.name, listed)
                stack.callback(calls.cancel)
                stack.callback(listening.cancel)
                self._calls, self._up_since = calls, time.monotonic()
                self._set("up", "", tools)
                log.info("MCP server %s is up: %d tools", self.name, len(tools))
                self._listen(client, listening)
                try:
                    await self._watch(client, calls, listed)
                except asyncio.CancelledError:
                    self._gone_for_now()  # by the library, which says why once its client is left
                    raise
                except Exception as error:
                    self._lost(reason(error))  # at once: to end its process may take a while
                    raise
        finally:
            await calls.aclose()
            await listening.aclose()

    def _made(self, mode: str) -> "Client":
        from mcp import Client
        from mcp.types import Implementation

        if self.entry.command:
            transport: Any = stdio_transport(self.name, self.entry, self._token, self._limits, self._lost)
        else:
            transport = http_transport(self.entry, self._token, self._limits, self._lost, self._suspect)
        return Client(
            transport,
            mode=mode,
            cache=None,
            log_level="info",
            logging_callback=self._logged,
            message_handler=self._heard,
            client_info=Implementation(name="holdfast", version="1"),
        )

    async def _listed(self, client: "Client") -> "tuple[Tool, ...]":
        """All tools that the entry lets through, in order of their names."""
        if client.server_capabilities.tools is None:
            return ()
        found: dict[str, Tool] = {}
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = await client.list_tools(cursor=cursor)
            found |= {tool.name: tool for tool in page.tools if not self.entry.tools or tool.name in self.entry.tools}
            cursor = page.next_cursor
            if cursor is None or len(found) > self._limits.tools_max:
                break
        most = self._limits.tools_max
        if len(found) > most:
            log.warning("MCP server %s: it has more than %d tools; the rest are left out", self.name, most)
        return tuple(found[name] for name in sorted(found)[:most])

    async def _watch(self, client: "Client", calls: Calls, known: "tuple[Tool, ...]") -> None:
        """List the tools again when they changed, when something was odd, and now and then. Raises when it is broken.

        While it has calls to do its silence proves nothing: many servers do one thing at a time.
        """
        while True:
            try:
                async with asyncio.timeout(self._limits.check_s):
                    await self._wake.wait()
            except TimeoutError:
                if len(calls):
                    continue
            self._wake.clear()
            if self._broken:
                raise McpServerError(self._broken)
            try:
                async with asyncio.timeout(self._limits.check_timeout_s):
                    listed = await self._listed(client)
            except TimeoutError:
                if len(calls):
                    continue
                raise
            if listed != known:
                known = listed
                self._set("up", "", await asyncio.to_thread(read_tools, self.name, listed))

    def _listen(self, client: "Client", tasks: TaskOwner) -> None:
        """Hear of changed tools from a server of the newer protocol, which tells only those who ask to be told."""
        from mcp.types.version import MODERN_PROTOCOL_VERSIONS

        capability = client.server_capabilities.tools
        if client.protocol_version in MODERN_PROTOCOL_VERSIONS and capability is not None and capability.list_changed:
            tasks.start(self._heed(client), "changes")

    async def _heed(self, client: "Client") -> None:
        from mcp import MCPError
        from mcp.client.subscriptions import SubscriptionLost

        try:
            async with client.listen(tools_list_changed=True) as changes:
                self._suspect()  # what changed before it listened
                async for _ in changes:
                    self._suspect()
        except (MCPError, SubscriptionLost, RuntimeError) as error:
            log.debug("MCP server %s does not tell of changes", self.name, exc_info=error)
        self._suspect()

    # ---------------------------------------------------------------------------------------------- what is heard of it

    def _lost(self, why: str) -> None:
        """It is gone: no new call is made, and those under way are told why. The first reason is the true one."""
        if self._ended:
            return
        if not self._broken:
            self._broken = why
            known = (self.state, self.reason) == ("down", why)
            log.log(logging.DEBUG if known else logging.WARNING, "MCP server %s is down: %s", self.name, why)
        self._gone_for_now(self._broken)
        self._suspect()

    def _gone_for_now(self, why: str = "the connection broke off") -> None:
        self._calls = None
        self._set("down", why)

    def _suspect(self) -> None:
        self._wake.set()

    async def _heard(self, message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            self._suspect()

    async def _logged(self, params: Any) -> None:
        if self._calls is not None:
            self._calls.hear(params.level, params.data)

    def _why(self) -> str:
        """What is known of why it is not up; empty while it is."""
        return self._broken or self.reason

    def _set(self, state: State, why: str, tools: tuple[ListedTool, ...] = ()) -> None:
        self.state, self.reason, self.tools = state, why, tools
        self.version += 1
        self.attempted.set()
