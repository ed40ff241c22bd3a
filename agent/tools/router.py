"""Between a session and its tools: finds the tool, checks the call, runs it in bounds, and answers whatever happens."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from agent.tools.base import Delegating, Desk, PreparedCall, Tool, ToolLog, ToolResult
from agent.util.errors import ToolError
from agent.util.text import cut_to_tokens, repair_surrogates
from agent.workspace.agents_md import ProjectNotes

log = logging.getLogger("holdfast.tools")

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NAMES_TOLD = 50


Closer = Callable[[], Awaitable[None]]
"""Closes something that the tools of a session share."""


class ToolSource(Protocol):
    """Tools that come and go, such as those of servers elsewhere."""

    def tools(self) -> Mapping[str, Tool]:
        """Those there are now, by name; the same object until something changed. Answers at once."""

    def missing(self, name: str) -> str | None:
        """Why a tool of this name may not be there now; None if the source knows nothing of it. Answers at once."""

    async def settle(self) -> None:
        """Wait, within a bound, for tools that are on their way. Never raises."""

    async def aclose(self) -> None:
        """Let go of all of them."""


class ToolRouter:
    """The tools of one session: `tools`, which stay, and those of `sources`, which come and go.

    A tool that stays keeps its name against one that comes.
    `closers`: close what the tools share, such as their sandbox; called by `aclose`. A tool closes nothing itself.
    `max_output_tokens`: longest output of a call, as `agent.util.text` estimates it; of a longer one the middle is left out.
    `timeout_s`: how long a call may take. `close_timeout_s`: how long each source and each closer may take.
    `redact`: takes secrets out of an output, before it is cut. `notes`: what the project says to every agent.
    Raises ValueError for names that providers refuse and for two tools of one name.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        *,
        sources: Sequence[ToolSource] = (),
        closers: Sequence[Closer] = (),
        max_output_tokens: int = 12_500,
        timeout_s: float = 600.0,
        close_timeout_s: float = 5.0,
        redact: Callable[[str], str] = str,
        notes: ProjectNotes | None = None,
    ) -> None:
        self._own: dict[str, Tool] = {}
        for tool in sorted(tools, key=lambda tool: tool.name):
            if _NAME.fullmatch(tool.name) is None:
                raise ValueError(f"tool name {tool.name!r}: 1-64 letters, digits, _ and - are what providers take")
            if tool.name in self._own:
                raise ValueError(f"two tools are named {tool.name!r}")
            self._own[tool.name] = tool
        self._sources = tuple(sources)
        self._closers = tuple(closers)
        self._came: tuple[Mapping[str, Tool] | None, ...] = (None,) * len(self._sources)
        self._all = self._own
        self._max_output_tokens = max_output_tokens
        self._timeout_s = timeout_s
        self._close_timeout_s = close_timeout_s
        self._redact = redact
        self._notes = notes

    def specs(self) -> list[dict[str, object]]:
        """The tools as OpenAI function specs, by name. Each caller gets a copy: providers' adapters edit it."""
        # Made anew each time, in microseconds: kept, they would be the largest thing an idle session holds.
        told = msgspec.json.encode([_spec(tool) for tool in self._now().values()])
        return msgspec.json.decode(told, type=list[dict[str, object]])

    async def settle(self) -> None:
        """Wait, within the sources' bounds, for tools that are on their way."""
        for source in self._sources:
            await source.settle()

    def prepare(self, name: str, arguments: dict[str, object]) -> PreparedCall | str:
        """The call, ready to be judged and executed; or a complaint for the model: no such tool, or arguments that do
        not fit, saying what and where. Without I/O."""
        tool = self._now().get(name)
        if tool is None:
            return self._unknown(name)
        try:
            prepared = _unencodable(arguments, "$") or tool.prepare(arguments)
        except RecursionError:
            prepared = "they are nested too deeply"
        except Exception as error:  # a tool's fault must not end the decision that asks it
            log.exception("tool %s failed to check its arguments", name)
            prepared = f"they could not be checked: {_told(error)}"
        return (
            f"the arguments do not fit {name}: {repair_surrogates(prepared)}" if isinstance(prepared, str) else prepared
        )

    def side_effects(self, name: str) -> str | None:
        """What undo cannot take back of the tool's calls; None if nothing, or if there is no such tool."""
        tool = self._now().get(name)
        return None if tool is None else tool.side_effects

    async def notes(self) -> str:
        """What the workspace's AGENTS.md says now; empty if there is none. Never raises."""
        if self._notes is None:
            return ""
        try:
            return await self._notes.read()
        except Exception:  # notes that cannot be read must not end a turn
            log.exception("the project's notes could not be read")
            return ""

    async def run(self, name: str, arguments: dict[str, object], log: ToolLog, desk: Desk | None = None) -> ToolResult:
        """Prepare a call and execute it; whatever fails comes back as a result with `success=False`. CancelledError passes.

        `desk`: for a tool that is an agent itself.
        """
        if name not in self._now():
            await self.settle()
        prepared = self.prepare(name, arguments)
        if isinstance(prepared, str):
            return self._clean(ToolResult(output=prepared, success=False))
        return await self.execute(prepared, log, desk)

    async def execute(self, call: PreparedCall, log: ToolLog, desk: Desk | None = None) -> ToolResult:
        """Execute a call of `prepare`, as `run` does."""

        async def clean_log(text: str) -> None:
            await log(repair_surrogates(text))

        return self._clean(await self._execute(call, clean_log, desk))

    async def aclose(self) -> None:
        """Close the sources and what the tools share, each within `close_timeout_s`. Never raises."""
        await asyncio.gather(*map(self._close, [*(source.aclose for source in self._sources), *self._closers]))

    def _now(self) -> dict[str, Tool]:
        """All there are now, by name and in its order."""
        came = tuple(source.tools() for source in self._sources)
        if any(now is not before for now, before in zip(came, self._came, strict=True)):
            self._came = came
            found = dict(self._own)
            for tools in came:
                found = {**{name: tool for name, tool in tools.items() if _NAME.fullmatch(name)}, **found}
            self._all = dict(sorted(found.items()))
        return self._all

    async def _execute(self, call: PreparedCall, tool_log: ToolLog, desk: Desk | None) -> ToolResult:
        tool, clock = call.tool, asyncio.timeout(self._timeout_s)
        try:
            async with clock:
                if desk is not None and isinstance(tool, Delegating):
                    return await tool.delegate(call.arguments, tool_log, desk)
                return await tool.execute(call.arguments, tool_log)
        except ToolError as error:
            return ToolResult(output=str(error), success=False)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.warning("tool %s was cancelled from within", tool.name)
            return ToolResult(output="CancelledError: the call was cancelled from within the tool", success=False)
        except Exception as error:  # every call has its result, or the model's history is invalid
            if clock.expired() and isinstance(error, TimeoutError):
                log.warning("tool %s did not end within %g s", tool.name, self._timeout_s)
                output = f"stopped: not done within {self._timeout_s:g} s; what it had begun may have had effects"
                return ToolResult(output=output, success=False)
            log.warning("tool %s failed", tool.name, exc_info=error)
            return ToolResult(output=_told(error), success=False)

    async def _close(self, closer: Closer) -> None:
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await closer()
        except Exception as error:  # one that fails must not keep the others open
            log.warning("%s failed", getattr(closer, "__qualname__", closer), exc_info=error)

    def _unknown(self, name: str) -> str:
        why = [said for source in self._sources if (said := source.missing(name)) is not None]
        absent = f" now: {'; '.join(why)}" if why else ""
        names = list(self._now())
        told = ", ".join(names[:_NAMES_TOLD]) or "none"
        more = f" and {len(names) - _NAMES_TOLD} more" if len(names) > _NAMES_TOLD else ""
        return f"there is no tool {name[:64]!a}{absent}; the tools are: {told}{more}"

    def _clean(self, result: ToolResult) -> ToolResult:
        output = self._redact(
            repair_surrogates(result.output)
        )  # before the cut, which may go through the middle of a secret
        cut = cut_to_tokens(output, self._max_output_tokens)
        return msgspec.structs.replace(result, output=cut, truncated=result.truncated or cut != output)


def _spec(tool: Tool) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _told(error: Exception) -> str:
    message = str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _unencodable(value: object, where: str) -> str | None:
    """Where text cannot be written as UTF-8, as it holds half of a surrogate pair."""
    if isinstance(value, str):
        return (
            None if repair_surrogates(value) is value else f"text that is not valid Unicode - at `{ascii(where)[1:-1]}`"
        )
    if isinstance(value, dict):
        parts = [(key, f"{where}.{key}") for key in value] + [(value[key], f"{where}.{key}") for key in value]
    elif isinstance(value, list):
        parts = [(item, f"{where}[{index}]") for index, item in enumerate(value)]
    else:
        return None
    return next((found for part, at in parts if (found := _unencodable(part, at))), None)
