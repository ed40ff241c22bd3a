"""Tool router: finds a session's tool by name, prepares calls, and runs them within bounds on time and output."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from agent.redaction import Redactor, redact_in_slices
from agent.sandbox.session_snapshots import SessionSnapshots
from agent.tools.base import PreparedCall, SubagentContext, SubagentTool, Tool, ToolLog, ToolResult
from agent.util.errors import ToolError
from agent.util.text import cut_to_tokens, repair_surrogates
from agent.workspace.agents_md import Notes, ProjectNotes
from agent.workspace.shown.images import WorkspaceImages
from protocol.content import FileChange

if TYPE_CHECKING:
    from agent.tools.mcp.session_library import SessionLibrary

log = logging.getLogger("holdfast.tools")

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NAMES_LISTED_MAX = 50
_SUMMARY_CHARS_MAX = 300


Closer = Callable[[], Awaitable[None]]
"""Closes something that the tools of a session share."""


LibraryOpener = Callable[[], Awaitable["SessionLibrary"]]


class ToolSource(Protocol):
    """A set of tools that changes while the session lives, such as those of MCP servers."""

    def tools(self) -> Mapping[str, Tool]:
        """The tools that are available now, by name; the same object until something changed. Without I/O."""

    def missing(self, name: str) -> str | None:
        """Why a tool of this name may be unavailable now; None if the source does not know it. Without I/O."""

    async def prepare_model_call(self) -> None:
        """Start what the session needs for its model calls. Waits briefly at most, and only the first time. Never raises."""

    async def wait_ready(self) -> None:
        """Wait, within a bound, for tools that are still starting: a call needs one of them. Never raises."""

    async def aclose(self) -> None:
        """Release what the source holds open."""


class ToolSummary(msgspec.Struct, frozen=True):
    """A tool, for users. `server`: the MCP server that it is of; empty: none. `offered`: models are given it, else they must search for it."""

    name: str
    description: str
    server: str
    offered: bool


class ToolRouter:
    """The tools of one session: `tools`, which are fixed, and those of `sources`, which may change.

    Where a source offers a tool with the name of a fixed one, the fixed one is used.
    `closers`: close what the tools share, such as their sandbox; called by `aclose`. A tool closes nothing itself.
    `max_output_tokens`: longest output of a call, as `agent.util.text` estimates it; the middle of a longer one is removed.
    `timeout_s`: how long a call may take. `close_timeout_s`: how long each source and each closer may take.
    `redactor`: removes secrets from an output, before it is shortened. `notes`: the workspace's AGENTS.md.
    `images`: of the workspace, for the model.
    `snapshots`: of the workspace; None: there can be none. `library`: opens what MCP servers offer to users; None: there are no servers.
    Raises ValueError for a name that providers refuse, and for two tools with one name.
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
        redactor: Redactor | None = None,
        notes: ProjectNotes | None = None,
        images: WorkspaceImages | None = None,
        snapshots: SessionSnapshots | None = None,
        library: "LibraryOpener | None" = None,
    ) -> None:
        self._fixed: dict[str, Tool] = {}
        for tool in sorted(tools, key=lambda tool: tool.name):
            if _NAME.fullmatch(tool.name) is None:
                raise ValueError(f"tool name {tool.name!r}: providers accept 1-64 letters, digits, _ and -")
            if tool.name in self._fixed:
                raise ValueError(f"two tools have the name {tool.name!r}")
            self._fixed[tool.name] = tool
        self._sources = tuple(sources)
        self._closers = tuple(closers)
        self._source_tools: tuple[Mapping[str, Tool] | None, ...] = (None,) * len(self._sources)
        self._tools = self._fixed
        self._max_output_tokens = max_output_tokens
        self._timeout_s = timeout_s
        self._close_timeout_s = close_timeout_s
        self._redactor = redactor or Redactor()
        self._notes = notes
        self.images = images
        self.snapshots = snapshots
        self.library = library

    def specs(self) -> list[dict[str, object]]:
        """The tools as OpenAI function specs, by name. Each caller gets a copy: providers' adapters edit it."""
        # Made anew each time, in microseconds: kept, they would be the largest thing an idle session holds.
        encoded = msgspec.json.encode([_spec(tool) for tool in self._current().values() if is_offered(tool)])
        return msgspec.json.decode(encoded, type=list[dict[str, object]])

    async def summaries(self) -> list[ToolSummary]:
        """The tools for users, by name, without secrets. What the sources need is started."""
        await self.prepare_model_call()
        return [
            ToolSummary(tool.name, await self._summarize(tool), getattr(tool, "server", ""), is_offered(tool))
            for tool in self._current().values()
        ]

    async def _summarize(self, tool: Tool) -> str:
        text = await redact_in_slices(self._redactor, repair_surrogates(tool.description))
        return text if len(text) <= _SUMMARY_CHARS_MAX else f"{text[: _SUMMARY_CHARS_MAX - 1]}…"

    async def prepare_model_call(self) -> None:
        """Start what the sources need for a model call. A slow one delays no model call: its tools appear when they are there."""
        for source in self._sources:
            await source.prepare_model_call()

    async def wait_ready(self) -> None:
        """Wait, within the sources' bounds, for tools that are still starting."""
        for source in self._sources:
            await source.wait_ready()

    def prepare(self, name: str, arguments: dict[str, object]) -> PreparedCall | str:
        """The decoded call and its effects; or an error message for the model: there is no such tool, or what is wrong
        with the arguments, and where. Without I/O."""
        tool = self._current().get(name)
        if tool is None:
            return self._unknown(name)
        try:
            prepared = _unencodable(arguments, "$") or tool.prepare(arguments)
        except RecursionError:
            prepared = "they are nested too deeply"
        except Exception as error:  # a tool's fault must not end the decision that asks it
            log.exception("tool %s failed to validate its arguments", name)
            prepared = f"they could not be validated: {_describe(error)}"
        return (
            f"the arguments do not fit {name}: {repair_surrogates(prepared)}" if isinstance(prepared, str) else prepared
        )

    def side_effects(self, name: str) -> str | None:
        """What undo does not revert of the tool's calls; None if nothing, or if there is no such tool."""
        tool = self._current().get(name)
        return None if tool is None else tool.side_effects

    async def notes(self) -> Notes:
        """The workspace's AGENTS.md; empty if there is none or it cannot be read. Never raises."""
        if self._notes is None:
            return Notes()
        try:
            return await self._notes.read()
        except Exception:  # notes that cannot be read must not end a turn
            log.exception("the project's notes could not be read")
            return Notes()

    async def notes_digest(self) -> str | None:
        """The digest of the workspace's AGENTS.md; empty if there is none, None if that is not known. Never raises."""
        if self._notes is None:
            return None
        try:
            return await self._notes.read_digest()
        except Exception:  # as above
            log.exception("the project's notes could not be read")
            return None

    async def run(
        self, name: str, arguments: dict[str, object], log: ToolLog, context: SubagentContext | None = None
    ) -> ToolResult:
        """Prepare and run a call. Every failure is a result with `success=False`; only CancelledError is raised.

        `context`: for a tool that is a sub-agent.
        """
        if name not in self._current():
            await self.wait_ready()
        prepared = self.prepare(name, arguments)
        if isinstance(prepared, str):
            return await self._clean(ToolResult(output=prepared, success=False))
        return await self.execute(prepared, log, context)

    async def execute(self, call: PreparedCall, log: ToolLog, context: SubagentContext | None = None) -> ToolResult:
        """Run a call that `prepare` returned. Failures are results, as in `run`."""

        async def clean_log(text: str) -> None:
            await log(repair_surrogates(text))

        return await self._clean(await self._execute(call, clean_log, context))

    async def aclose(self) -> None:
        """Close the sources and what the tools share, each within `close_timeout_s`. Never raises."""
        await asyncio.gather(*map(self._close, [*(source.aclose for source in self._sources), *self._closers]))

    def _current(self) -> dict[str, Tool]:
        """All tools that are available now, by name, sorted by name."""
        current = tuple(source.tools() for source in self._sources)
        if any(new is not old for new, old in zip(current, self._source_tools, strict=True)):
            self._source_tools = current
            merged = dict(self._fixed)
            for tools in current:
                merged = {**{name: tool for name, tool in tools.items() if _NAME.fullmatch(name)}, **merged}
            self._tools = dict(sorted(merged.items()))
        return self._tools

    async def _execute(self, call: PreparedCall, tool_log: ToolLog, context: SubagentContext | None) -> ToolResult:
        tool, clock = call.tool, asyncio.timeout(self._timeout_s)
        try:
            async with clock:
                if context is not None and isinstance(tool, SubagentTool):
                    return await tool.delegate(call.arguments, tool_log, context)
                return await tool.execute(call.arguments, tool_log)
        except ToolError as error:
            return ToolResult(output=str(error), success=False, outcome_unknown=error.outcome_unknown)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.warning("tool %s cancelled its own call", tool.name)
            return ToolResult(output="CancelledError: the tool cancelled its own call", success=False)
        except Exception as error:  # without a result for each call, providers refuse the conversation
            if clock.expired() and isinstance(error, TimeoutError):
                log.warning("tool %s did not finish within %g s", tool.name, self._timeout_s)
                output = f"stopped: not finished within {self._timeout_s:g} s; it may have had effects"
                return ToolResult(output=output, success=False)
            log.warning("tool %s failed", tool.name, exc_info=error)
            return ToolResult(output=_describe(error), success=False)

    async def _close(self, closer: Closer) -> None:
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await closer()
        except Exception as error:  # one that fails must not keep the others open
            log.warning("%s failed", getattr(closer, "__qualname__", closer), exc_info=error)

    def _unknown(self, name: str) -> str:
        reasons = [reason for source in self._sources if (reason := source.missing(name)) is not None]
        unavailable = f" now: {'; '.join(reasons)}" if reasons else ""
        names = list(self._current())
        listed = ", ".join(names[:_NAMES_LISTED_MAX]) or "none"
        more = f" and {len(names) - _NAMES_LISTED_MAX} more" if len(names) > _NAMES_LISTED_MAX else ""
        return f"there is no tool {name[:64]!a}{unavailable}; the tools are: {listed}{more}"

    async def _clean(self, result: ToolResult) -> ToolResult:
        # Redacted before it is shortened: that could cut a secret in two.
        output = await redact_in_slices(self._redactor, repair_surrogates(result.output))
        cut = cut_to_tokens(output, self._max_output_tokens)
        changes = tuple([await self._clean_change(change) for change in result.changes])
        return msgspec.structs.replace(result, output=cut, truncated=result.truncated or cut != output, changes=changes)

    async def _clean_change(self, change: FileChange) -> FileChange:
        patch = await redact_in_slices(self._redactor, repair_surrogates(change.patch))
        return msgspec.structs.replace(change, patch=patch)


def is_offered(tool: Tool) -> bool:
    """Whether models are given the tool. One that is not offered can be called by who knows its name."""
    return getattr(tool, "offered", True)


def _spec(tool: Tool) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _describe(error: Exception) -> str:
    message = str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _unencodable(value: object, path: str) -> str | None:
    """Where a text cannot be encoded as UTF-8, because it has half of a surrogate pair; None if there is no such text."""
    if isinstance(value, str):
        return (
            None if repair_surrogates(value) is value else f"text that is not valid Unicode - at `{ascii(path)[1:-1]}`"
        )
    if isinstance(value, dict):
        parts = [(key, f"{path}.{key}") for key in value] + [(value[key], f"{path}.{key}") for key in value]
    elif isinstance(value, list):
        parts = [(item, f"{path}[{index}]") for index, item in enumerate(value)]
    else:
        return None
    return next((error for part, at in parts if (error := _unencodable(part, at))), None)
