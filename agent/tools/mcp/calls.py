"""The calls of one connection: each is a task of the connection, and whoever waits for it gets an answer.

What the server says while they run goes to whom it may concern, and to nobody else.
"""

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agent.tools.base import ToolLog
from agent.tools.mcp.settings import McpLimits, McpServer
from agent.util.errors import ToolError
from agent.util.tasks import TaskOwner

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult


class CallLogQueue:
    """Text of one call. `say` never waits: of what comes while too much waits, only the number is told."""

    def __init__(self, most_chars: int) -> None:
        self._most = most_chars
        self._waiting: list[str] = []
        self._chars = 0
        self._dropped = 0
        self._over = False
        self._news = asyncio.Event()

    def say(self, text: str) -> None:
        """One more line."""
        if self._chars + len(text) > self._most:
            self._dropped += 1
        else:
            self._waiting.append(text)
            self._chars += len(text) + 1
        self._news.set()

    def end(self) -> None:
        """There will be no more."""
        self._over = True
        self._news.set()

    async def next(self) -> str | None:
        """All lines that wait, or None once there will be no more."""
        while True:
            self._news.clear()
            lines, dropped = self._waiting, self._dropped
            if lines or dropped:
                self._waiting, self._chars, self._dropped = [], 0, 0
                if dropped:
                    lines.append(f"[{dropped} messages left out]")
                return "".join(f"{line}\n" for line in lines)
            if self._over:
                return None
            await self._news.wait()


CURRENT: Final[ContextVar[CallLogQueue | None]] = ContextVar("holdfast_mcp_call", default=None)
"""The call in whose context a message of a server arrives: over HTTP that of the request it is an answer to."""


def progress_line(progress: float, total: float | None, message: str | None) -> str:
    """A progress notification for a person."""
    share = f"{progress:g}/{total:g}" if total is not None else f"{progress:g}"
    return f"[{share}] {message}" if message else f"[{share}]"


log = logging.getLogger("holdfast.mcp")

TEXT_CHARS_MAX = 4_000
"""Longest progress or log message that is shown."""


class CallFailed(ToolError):
    """A call has no result; the message says why, and whether it may have had effects."""


class Calls:
    """Made for a client that is connected, and closed with it.

    `suspect` is told of what may mean that the server is broken; `why` says what is known of its end.
    """

    def __init__(
        self,
        name: str,
        entry: McpServer,
        limits: McpLimits,
        client: "Client",
        suspect: Callable[[], None],
        why: Callable[[], str],
    ) -> None:
        self._name = name
        self._entry = entry
        self._limits = limits
        self._client = client
        self._suspect = suspect
        self._why = why
        self._tasks = TaskOwner(f"mcp/{name}/calls")
        self._callers: set[str] = set()
        self._logs: list[CallLogQueue] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def cancel(self) -> None:
        """The connection ends: so do its calls."""
        self._tasks.cancel()

    async def aclose(self) -> None:
        """Wait for their end."""
        await self._tasks.aclose()

    async def call(self, tool: str, arguments: dict[str, object], user_id: str, say: ToolLog) -> "CallToolResult":
        """Call a tool; what the server says meanwhile goes to `say`. Raises CallFailed; cancelled, it tells the server so."""
        if len(self) >= self._limits.calls_max:
            raise CallFailed(
                f"not run: the MCP server {self._name} has {len(self)} calls to do already; try again later"
            )
        self._callers.add(user_id)
        said = CallLogQueue(self._limits.log_chars_max)
        task = self._tasks.start(self._ask(tool, arguments, said), tool)
        task.add_done_callback(lambda _: said.end())
        self._logs.append(said)
        try:
            async with asyncio.timeout(self._entry.call_timeout_s):
                while (text := await said.next()) is not None:
                    await say(text)
        except TimeoutError:
            self._suspect()
            seconds = self._entry.call_timeout_s
            raise CallFailed(
                f"stopped: not done within {seconds:g} s; what it had begun may have had effects"
            ) from None
        finally:
            self._logs.remove(said)
            task.cancel()
        if task.cancelled():
            raise CallFailed(self._gone())
        answer = task.result()
        if isinstance(answer, CallFailed):
            raise answer
        return answer

    def hear(self, level: str, data: Any) -> None:
        """A log message goes to the call it belongs to. Where that cannot be known, it goes to the calls under way only
        if all that were ever made are one user's: else to nobody, as it may speak of another's."""
        text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
        line = f"[{level}] {text}"[:TEXT_CHARS_MAX]
        said = CURRENT.get()
        if said is not None:
            said.say(line)
        elif len(self._callers) == 1:
            for one in self._logs:
                one.say(line)
        else:
            log.debug("MCP server %s says: %s", self._name, line)

    async def _ask(self, tool: str, arguments: dict[str, object], said: CallLogQueue) -> "CallToolResult | CallFailed":
        from mcp import MCPError
        from mcp.types import CONNECTION_CLOSED, INVALID_REQUEST

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            said.say(progress_line(progress, total, message)[:TEXT_CHARS_MAX])

        CURRENT.set(said)
        try:
            return await self._client.call_tool(tool, arguments, progress_callback=tell)
        except MCPError as error:
            self._suspect()
            if error.code == CONNECTION_CLOSED:
                return CallFailed(self._gone())
            if error.code == INVALID_REQUEST and error.message == "Session terminated":
                return CallFailed(f"not run: the MCP server {self._name} was started anew; try again in a moment")
            return CallFailed(f"the MCP server {self._name} answered with an error: {error.message} ({error.code})")
        except Exception as error:  # whatever the library raises of an answer, the call has its result
            self._suspect()
            log.warning("MCP server %s: the call of %s failed", self._name, tool, exc_info=error)
            return CallFailed(f"the answer of the MCP server {self._name} could not be used: {error}")

    def _gone(self) -> str:
        why = self._why()
        return (
            f"the MCP server {self._name} went away in the middle of the call{f' ({why})' if why else ''}: the outcome is "
            "unknown, what it had begun may have had effects"
        )
