"""MCP calls: the calls of one connection. Each is a task of the connection, and its caller always gets a result.

Progress and log messages of the server go only to the call that they belong to.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from agent.tools.base import CALL_ASKER, CallAsker, ToolLog
from agent.tools.mcp.incoming.messages import OVER_BOUND
from agent.tools.mcp.settings import McpServer
from agent.util.errors import ToolError
from agent.util.tasks import TaskOwner

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult


CALLS_MAX = 32
"""Calls of one server at once; one more fails. As many as one message of the model may ask for."""

QUESTIONS_MAX = 20
"""Questions that one call may ask; more are declined."""

LOG_CHARS_MAX = 65_536
"""Progress and log text of a call that may wait to be stored; more is dropped."""

LOG_CHARS_TOTAL_MAX = 262_144
"""Progress and log text of a call that is stored; more is dropped."""

LOG_PAUSE_S, LOG_PAUSE_SHARE = 0.25, 0.01
"""The pause after a text was stored: at least so many seconds, and this share of the time that the call took up to then. So a
call of five minutes stores 350 texts at most, one of a day a thousand."""

UNKNOWN = "the outcome is unknown, and it may have had effects"


def log_pause_s(elapsed_s: float) -> float:
    """How long to wait, so many seconds after the beginning of a call, before its next text is stored."""
    return max(LOG_PAUSE_S, LOG_PAUSE_SHARE * elapsed_s)


class CallLogQueue:
    """A bounded queue of text of one call. `add` never waits; lines that do not fit are dropped and counted.

    `max_chars`: of the lines that wait. `total_chars`: of all lines; after that they are dropped without being counted.
    """

    def __init__(self, max_chars: int = LOG_CHARS_MAX, total_chars: int = LOG_CHARS_TOTAL_MAX) -> None:
        self._max_chars = max_chars
        self._left = total_chars
        self._waiting: list[str] = []
        self._chars = 0
        self._dropped = 0
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self.asker = CALL_ASKER.get()
        self.asking = 0

    def add(self, text: str) -> None:
        """Add a line, or drop it if it does not fit."""
        if self.spent():
            return
        self._left -= len(text) + 1
        if self.spent():
            self._waiting.append("[its further messages are left out]")
        elif self._chars + len(text) > self._max_chars:
            self._dropped += 1
        else:
            self._waiting.append(text)
            self._chars += len(text) + 1
        self._changed.set()

    def spent(self) -> bool:
        """Whether the total is reached."""
        return self._left <= 0

    def end(self) -> None:
        """No line follows."""
        self._ended.set()
        self._changed.set()

    async def ended(self) -> None:
        """Wait until no line follows: the call is over."""
        await self._ended.wait()

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until no line follows."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def next(self) -> str | None:
        """All lines that are waiting, as one text; None after the end."""
        while True:
            self._changed.clear()
            lines, dropped = self._waiting, self._dropped
            if lines or dropped:
                self._waiting, self._chars, self._dropped = [], 0, 0
                if dropped:
                    lines.append(f"[{dropped} messages left out]")
                return "".join(f"{line}\n" for line in lines)
            if self._ended.is_set():
                return None
            await self._changed.wait()


CURRENT: Final[ContextVar[CallLogQueue | None]] = ContextVar("holdfast_mcp_call", default=None)
"""The call that a server's message belongs to. Over HTTP it is known: the message arrives with the response to the call."""


def progress_line(progress: float, total: float | None, message: str | None) -> str:
    """The text of a progress notification."""
    share = f"{progress:g}/{total:g}" if total is not None else f"{progress:g}"
    return f"[{share}] {message}" if message else f"[{share}]"


log = logging.getLogger("holdfast.mcp")
AnswerT = TypeVar("AnswerT")

TEXT_CHARS_MAX = 4_000
"""Longest progress or log message that is shown, in characters."""


class CallFailed(ToolError):
    """A call has no result. The message says why, and whether the call may have had effects."""


class OutcomeUnknown(CallFailed):
    """A call whose answer cannot be had; it may have been done."""

    outcome_unknown = True


class Calls:
    """The calls of one connected client; closed with it.

    `check_soon`: called when an error may mean that the connection is lost. `down_reason`: why it is lost, or empty.
    """

    def __init__(
        self,
        name: str,
        entry: McpServer,
        client: "Client",
        check_soon: Callable[[], None],
        down_reason: Callable[[], str],
    ) -> None:
        self._name = name
        self._entry = entry
        self._client = client
        self._check_soon = check_soon
        self._down_reason = down_reason
        self._tasks = TaskOwner(f"mcp/{name}/calls")
        self._callers: set[str] = set()
        self._logs: list[CallLogQueue] = []
        self._requests = 0

    def __len__(self) -> int:
        return len(self._logs)

    def cancel(self) -> None:
        """Cancel all calls; does not wait."""
        self._tasks.cancel()

    async def aclose(self) -> None:
        """Cancel all calls and wait until they have ended."""
        await self._tasks.aclose()

    async def call(self, tool: str, arguments: dict[str, object], user_id: str, log: ToolLog) -> "CallToolResult":
        """Call a tool. `log` gets the server's progress and log messages. Raises CallFailed. A cancellation is sent to the server."""
        if len(self) >= CALLS_MAX:
            raise CallFailed(
                f"not run: the MCP server {self._name} already has {len(self)} calls running; try again later"
            )
        self._callers.add(user_id)
        queue = CallLogQueue()
        task = self._tasks.start(self._request(tool, arguments, queue), tool)
        task.add_done_callback(lambda _: queue.end())
        self._logs.append(queue)
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._entry.call_timeout_s):
                while (text := await queue.next()) is not None:
                    await log(text)
                    await queue.pause(log_pause_s(time.monotonic() - began))
        except TimeoutError:
            self._check_soon()
            seconds = self._entry.call_timeout_s
            raise CallFailed(f"stopped: not finished within {seconds:g} s; it may have had effects") from None
        finally:
            self._logs.remove(queue)
            task.cancel()
        if task.cancelled():
            raise OutcomeUnknown(self._gone())
        answer = task.result()
        if isinstance(answer, CallFailed):
            raise answer
        return answer

    async def request(
        self, name: str, ask: Callable[["Client"], Coroutine[Any, Any, AnswerT]], user_id: str, within_s: float
    ) -> AnswerT:
        """The answer to a request that is no call of a tool, such as for a prompt. Raises CallFailed."""
        if self._requests >= CALLS_MAX:
            raise CallFailed(f"the MCP server {self._name} already has {CALLS_MAX} requests; try again later")
        self._callers.add(user_id)
        task = self._tasks.start(ask(self._client), name)
        self._requests += 1
        try:
            done, _ = await asyncio.wait({task}, timeout=within_s)
        finally:
            self._requests -= 1
            task.cancel()
        if not done:
            self._check_soon()
            raise CallFailed(f"the MCP server {self._name} did not answer within {within_s:g} s")
        if task.cancelled():
            raise CallFailed(f"the MCP server {self._name} stopped ({self._down_reason()})")
        if (error := task.exception()) is not None:
            self._check_soon()
            raise self._refused(error) from error
        return task.result()

    def on_log(self, level: str, data: Any) -> None:
        """Pass a log message to the call that it belongs to. If that is unknown, it goes to all running calls, but only if
        this connection ever had calls of one user alone: the message may be about another user's call."""
        text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
        line = f"[{level}] {text}"[:TEXT_CHARS_MAX]
        current = CURRENT.get()
        if current is not None:
            current.add(line)
        elif len(self._callers) == 1:
            for queue in self._logs:
                queue.add(line)
        else:
            log.debug("MCP server %s logged: %s", self._name, line)

    async def with_asker(self, ask: Callable[[CallAsker | None], Coroutine[Any, Any, AnswerT]]) -> AnswerT:
        """The answer to what the server asks, of the session whose call it asks for. Over stdio a question does not say which call
        it belongs to: it is asked if one call runs alone. When the call ends, the question is withdrawn."""
        alone = len(self._logs) == 1 and not self._requests
        queue = CURRENT.get() or (self._logs[0] if alone else None)
        if queue is None or queue.asker is None or queue.asking >= QUESTIONS_MAX:
            return await ask(None)
        queue.asking += 1
        asking = self._tasks.start(ask(queue.asker), "question")
        ended = self._tasks.start(queue.ended(), "call's end")
        try:
            await asyncio.wait({asking, ended}, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else await ask(None)
        finally:
            asking.cancel()
            ended.cancel()

    async def _request(
        self, tool: str, arguments: dict[str, object], queue: CallLogQueue
    ) -> "CallToolResult | CallFailed":
        from mcp import MCPError
        from mcp.types import CONNECTION_CLOSED, INVALID_REQUEST, PARSE_ERROR

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            queue.add(progress_line(progress, total, message)[:TEXT_CHARS_MAX])

        CURRENT.set(queue)
        try:
            return await self._client.call_tool(tool, arguments, progress_callback=on_progress)
        except MCPError as error:
            self._check_soon()
            if error.code == CONNECTION_CLOSED:
                return OutcomeUnknown(self._gone())
            if error.code == PARSE_ERROR:  # the library makes it of an answer that it cannot read
                log.warning("MCP server %s: the answer to %s cannot be read: %s", self._name, tool, error.message)
                return OutcomeUnknown(
                    f"the answer of the MCP server {self._name} was lost or cannot be read: {UNKNOWN}"
                )
            if error.code == INVALID_REQUEST and error.message == "Session terminated":
                return CallFailed(f"not run: the MCP server {self._name} was restarted; try again in a moment")
            if error.code == OVER_BOUND:
                return CallFailed(f"the answer of the MCP server {self._name} is refused: {error.message}")
            return CallFailed(f"the MCP server {self._name} answered with an error: {error.message} ({error.code})")
        except Exception as error:  # whatever the library raises, the call gets a result
            self._check_soon()
            log.warning("MCP server %s: the call of %s failed", self._name, tool, exc_info=error)
            return OutcomeUnknown(f"the answer of the MCP server {self._name} cannot be used: {UNKNOWN}")

    def _refused(self, error: BaseException) -> CallFailed:
        from mcp import MCPError

        if isinstance(error, MCPError):
            return CallFailed(f"the MCP server {self._name} answered with an error: {error.message} ({error.code})")
        log.warning("MCP server %s: its answer cannot be used", self._name, exc_info=error)
        return CallFailed(f"the answer of the MCP server {self._name} cannot be used")

    def _gone(self) -> str:
        reason = self._down_reason()
        return f"the MCP server {self._name} stopped during the call{f' ({reason})' if reason else ''}: {UNKNOWN}"
