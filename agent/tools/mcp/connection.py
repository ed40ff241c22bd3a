"""MCP connection: one task per server that connects, checks the server, and connects again after a failure.

The library cancels the task that entered its client when an HTTP connection is lost, so only this task enters it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from agent.tools.base import CallAsker
from agent.tools.mcp import stdio
from agent.tools.mcp.calls import AnswerT, CallFailed, Calls
from agent.tools.mcp.changes import ResourceWatch, follow_changes
from agent.tools.mcp.http import http_transport
from agent.tools.mcp.incoming.errors import McpServerError, reason
from agent.tools.mcp.library import LibraryCache
from agent.tools.mcp.listing import LeftOut, ListedTool, Listing, ListingPace, UsableTools, list_tools, read_tools
from agent.tools.mcp.questions import elicit, roots_of, sample
from agent.tools.mcp.settings import McpServer
from agent.tools.mcp.stdio import stdio_transport
from agent.util.backoff import Backoff
from agent.util.garbage import import_for_good
from agent.util.names import Reach
from agent.util.tasks import TaskOwner
from agent.util.threads import start_in_own_thread

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CreateMessageResult, ElicitResult, ErrorData, ListRootsResult

log = logging.getLogger("holdfast.mcp")

State = Literal["starting", "up", "down", "off", "per_session"]
CANCELS_MAX, CANCEL_AGAIN_S = 5, 2.0


BACKOFF_INITIAL_S = 1.0
"""Pause before a server that failed is tried again; it doubles, with jitter."""

BACKOFF_MAX_S = 60.0
"""The longest such pause: a server that comes back is used within a minute."""

CHECK_S = 30.0
"""How often a server without calls is pinged, so that a broken one is found before it is needed."""

CHECK_TIMEOUT_S = 10.0
"""How long it may take to answer the ping; then it is started again."""


LEFT_OUT_LOGGED_MAX = 10
"""Tools that are left out and named in one line of the log; `GET /api/config` names more."""

_NO_TOOLS = UsableTools()


class McpStatus(msgspec.Struct, frozen=True):
    """The status of a server. `reason`: why it is not up, or empty; `tools`: how many it has.

    `left_out`: the tools that it lists and models do not get.
    `off`: no connection is tried. `per_session`: each session has its own connection, with its own status.
    """

    name: str
    state: State
    reason: str
    tools: int
    left_out: tuple[LeftOut, ...] = ()


class McpConnection:
    """The connection to one server. `token`: the owner's, if the server gets one. `workspace`: the folder in which its process works:
    the session's, which is its root too, or one of the server's own if it is shared. `version` grows with each change.

    `reach`: where its address may lead, if a user chose it. `attempted`: set once the first attempt to connect has succeeded or failed.
    """

    def __init__(
        self,
        name: str,
        entry: McpServer,
        token: str | None = None,
        workspace: Path | None = None,
        reach: Reach | None = None,
    ) -> None:
        self.name = name
        self.entry = entry
        self.state: State = "starting"
        self.reason = "it is starting"
        self.tools: tuple[ListedTool, ...] = ()
        self.left_out: tuple[LeftOut, ...] = ()
        self.version = 0
        self.attempted = asyncio.Event()
        self.library = LibraryCache()
        self.resources = ResourceWatch(name, self._resources_changed)
        self._token = token
        self._reach = reach
        self._workspace = workspace if entry.command and not entry.cwd else None
        self._calls: Calls | None = None
        self._wake = asyncio.Event()
        self._broken, self._up_since = "", 0.0
        self._is_broken = asyncio.Event()
        self._ended = False
        self._owner = TaskOwner("mcp")
        self._task: asyncio.Task[None] | None = None

    @property
    def status(self) -> McpStatus:
        """The status now."""
        return McpStatus(self.name, self.state, self.reason, len(self.tools), self.left_out)

    def start(self) -> None:
        """Start to connect. Does nothing if it was started or closed before."""
        if self._task is not None or self._ended:
            return
        if self.entry.owner_token and not self._token:
            self._set("off", "it needs its owner's Hugging Face token: log in with Hugging Face")
            return
        self._task = self._owner.start(self._own(), self.name)

    async def aclose(self) -> None:
        """Close the connection; the server's process has ended afterwards."""
        self._ended = True
        task = self._task
        for _ in range(CANCELS_MAX):
            if task is None or task.done():
                break
            task.cancel()  # repeated: the library may swallow a cancellation
            await asyncio.wait({task}, timeout=2 * stdio.STOP_WAIT_S + CANCEL_AGAIN_S)
        else:
            log.error("MCP server %s: its connection does not close", self.name)
        self._set("off", "it was closed")

    @property
    def calls(self) -> Calls:
        """What calls the server. Raises CallFailed where it is not up."""
        if self._calls is None:
            raise CallFailed(f"not run: the MCP server {self.name} is not available: {self.reason}")
        return self._calls

    # ---------------------------------------------------------------------------------------------------- the task

    async def _own(self) -> None:
        attempt, backoff = 0, Backoff(BACKOFF_INITIAL_S, BACKOFF_MAX_S)
        modules = ("mcp", "mcp.client.streamable_http")
        # Half a second that the loop need not wait.
        await start_in_own_thread("mcp-import", partial(import_for_good, *modules))
        while not self._ended:
            fault: Exception
            try:
                if self._workspace is not None:
                    await start_in_own_thread("mcp-workspace", partial(stdio.make_workspace, self._workspace))
                # After a failure the older handshake is tried: some servers fail at the newer one.
                await self._connect("auto" if attempt % 2 == 0 else "legacy")
            except Exception as error:  # noqa: BLE001  # after any failure it connects again
                fault = error  # the library raises groups; a plain CancelledError is our own cancellation
            else:
                fault = McpServerError("the connection ended")
            attempt = 0 if self._up_since else attempt + 1
            up_s = time.monotonic() - self._up_since if self._up_since else 0.0
            log.debug("MCP server %s failed", self.name, exc_info=fault)
            self._lost(reason(fault))
            if up_s >= BACKOFF_MAX_S:
                backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def _connect(self, mode: str) -> None:
        """Connect, and stay connected until something fails: always raises."""
        self._broken, self._up_since = "", 0.0
        self._is_broken.clear()
        self._wake.clear()
        client = self._make_client(mode)
        calls = Calls(self.name, self.entry, client, self._check_soon, self._down_reason)
        listening = TaskOwner(f"mcp/{self.name}")
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self.entry.start_timeout_s):
                    await stack.enter_async_context(client)
                    listed = await list_tools(client, self.entry)
                    tools = await read_tools(listed)
                stack.callback(calls.cancel)
                stack.callback(listening.cancel)
                self._calls, self._up_since = calls, time.monotonic()
                self._set("up", "", tools)
                log.info("MCP server %s is up: %d tools", self.name, len(tools.tools))
                self._log_left_out()
                self._listen(client, listening)
                try:
                    await self._watch(client, calls, listed)
                except asyncio.CancelledError:
                    self._set_down()  # by the library, which raises the reason when its client is closed
                    raise
                except Exception as error:
                    self._lost(reason(error))  # before its process is ended, which may take a while
                    raise
        finally:
            await calls.aclose()
            await listening.aclose()

    def _make_client(self, mode: str) -> "Client":
        from mcp import Client
        from mcp.types import Implementation

        entry = self.entry
        if self._workspace is not None:
            entry = msgspec.structs.replace(entry, cwd=str(self._workspace))
        if self.entry.command:
            transport: Any = stdio_transport(self.name, entry, self._token, self._lost)
        else:
            transport = http_transport(self.entry, self._token, self._lost, self._stream_ended, self._reach)
        return Client(
            transport,
            mode=mode,
            cache=None,
            log_level="info",
            logging_callback=self._on_log,
            message_handler=self._on_message,
            elicitation_callback=self._on_elicitation,
            sampling_callback=self._on_sampling,
            list_roots_callback=None if self._workspace is None or self.entry.is_shared else self._on_roots,
            client_info=Implementation(name="holdfast", version="1"),
        )

    async def _watch(self, client: "Client", calls: Calls, known: Listing) -> None:
        """List the tools again after a change, after an error, and every `check_s`. Raises when the connection is lost.

        A server with running calls may be silent: many servers do one thing at a time.
        """
        pace = ListingPace()
        while True:
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._wake.wait()
                await self._until_broken(pace.wait_s(time.monotonic()))
                pace.listed(time.monotonic())
            except TimeoutError:
                if len(calls):
                    continue
            self._wake.clear()
            if self._broken:
                raise McpServerError(self._broken)
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    listed = await list_tools(client, self.entry)
            except TimeoutError:
                if len(calls):
                    continue
                raise
            if listed != known:
                known = listed
                before = self.left_out
                self._set("up", "", await read_tools(listed, self.tools))
                if self.left_out != before:
                    self._log_left_out()

    async def _until_broken(self, most_s: float) -> None:
        """Wait so many seconds, or until the connection is lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._is_broken.wait()

    def _listen(self, client: "Client", tasks: TaskOwner) -> None:
        """Follow what the server offers, as far as it says so."""
        tasks.start(follow_changes(self.name, client, self._check_soon, self.resources), "changes")
        if client.server_capabilities.resources is not None:
            tasks.start(self.resources.follow(client), "resources")

    # ------------------------------------------------------------------------------------------------ changes of state

    def _lost(self, why: str) -> None:
        """The connection is lost: new calls fail, and running calls get the reason. The first reason is kept."""
        if self._ended:
            return
        if not self._broken:
            self._broken = why
            self._is_broken.set()
            known = (self.state, self.reason) == ("down", why)
            log.log(logging.DEBUG if known else logging.WARNING, "MCP server %s is down: %s", self.name, why)
        self._set_down(self._broken)
        self._check_soon()

    def _set_down(self, why: str = "the connection was lost") -> None:
        self._calls = None
        self._set("down", why)

    def _resources_changed(self) -> None:
        self.version += 1

    def _check_soon(self) -> None:
        self._wake.set()

    def _stream_ended(self) -> None:
        """The server's own event stream ended, as it does when the server is gone. Calls that run find that out themselves;
        a request now may get into the stream that the library resumes for them."""
        if not self._calls:
            self._check_soon()

    async def _on_message(self, message: Any) -> None:
        method = getattr(message, "method", "")
        if method == "notifications/tools/list_changed":
            self._check_soon()
        elif method == "notifications/resources/list_changed":
            self.resources.changed()

    async def _on_elicitation(self, context: Any, params: Any) -> "ElicitResult":
        return await self._ask(partial(elicit, server=self.name, params=params))

    async def _on_sampling(self, context: Any, params: Any) -> "CreateMessageResult | ErrorData":
        return await self._ask(partial(sample, server=self.name, params=params))

    async def _ask(self, ask: Callable[[CallAsker | None], Coroutine[Any, Any, AnswerT]]) -> AnswerT:
        return await (ask(None) if self._calls is None else self._calls.with_asker(ask))

    async def _on_roots(self, context: Any) -> "ListRootsResult":
        assert self._workspace is not None
        return roots_of(self._workspace)

    async def _on_log(self, params: Any) -> None:
        if self._calls is not None:
            self._calls.on_log(params.level, params.data)

    def _down_reason(self) -> str:
        """Why the server is not up; empty while it is up."""
        return self._broken or self.reason

    def _log_left_out(self) -> None:
        if self.left_out:
            named = ", ".join(f"{one.name!a} ({one.reason})" for one in self.left_out[:LEFT_OUT_LOGGED_MAX])
            more = ", ..." if len(self.left_out) > LEFT_OUT_LOGGED_MAX else ""
            log.warning("MCP server %s: tools that models do not get: %s%s", self.name, named, more)

    def _set(self, state: State, why: str, found: UsableTools = _NO_TOOLS) -> None:
        self.state, self.reason = state, why
        self.tools, self.left_out = found.tools, found.left_out
        self.version += 1
        self.attempted.set()
