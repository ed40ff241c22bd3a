"""Research tool: the arguments of `research`, the calls that its sub-agent may make, and its time limit."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.models import ModelError
from agent.policy.effects import EffectKind, Effects
from agent.policy.policy import Policy, evaluate
from agent.tools.base import PreparedCall, StructTool, SubagentContext, ToolLog, ToolResult
from agent.tools.research import subagent
from agent.tools.research.settings import ResearchSettings
from agent.tools.research.subagent import ResearchRun, ResearchTools

NAME = "research"
EXCLUDED = frozenset({NAME, "plan"})
"""Tools without side effects that a sub-agent does not get: itself, and the session's plan."""
REMOVED_ARGUMENTS = {"web_fetch": "save_as"}
"""Tools that change something only if this argument is given: the sub-agent gets them without it."""
TIME_MAX_S = 480.0
"""How long one call takes; then it ends with what it has said."""
TIME_PART = 0.8
"""Share of `turn.tool_timeout_s` that it takes at most: the timeout would cut it off with nothing."""
READ_EFFECTS: frozenset[EffectKind] = frozenset({"network"})
"""Effects that a call which only reads may have, if the policy allows it."""


class Research(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `research`."""

    task: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=50_000,
            description="What to find out, with everything it must know: it has not seen this conversation. Say what the "
            "report should contain.",
        ),
    ]


class ResearchTool(StructTool[Research]):
    """A sub-agent with its own context and read-only tools. It asks nobody: a call that needs an approval is refused."""

    name = NAME
    description = (
        "Give a research task to an assistant: it reads and searches on its own, in its own context, and returns a report. "
        "Good for questions that need many steps of reading. It changes nothing. Several can work at the same time."
    )
    arguments = Research

    def __init__(self, settings: ResearchSettings, policy: Policy, timeout_s: float) -> None:
        """`timeout_s`: after which a call of a tool is cancelled."""
        self._settings = settings
        self._policy = policy
        self._time_s = min(TIME_MAX_S, timeout_s * TIME_PART)

    def effects(self, arguments: Research) -> Effects:
        return Effects(f"reads and searches on its own, with up to {subagent.MODEL_CALLS_MAX} model calls")

    async def delegate(self, arguments: Research, log: ToolLog, context: SubagentContext) -> ToolResult:
        """Run the sub-agent. At the time limit, or if the model fails, the result is its newest text."""
        run = ResearchRun(arguments.task, ReadOnlyTools(context, self._policy), context, log, self._settings)
        clock = asyncio.timeout(self._time_s)
        try:
            async with clock:
                return ToolResult(output=await run.report(), success=True)
        except ModelError as error:
            return _unfinished(run, error.message)
        except TimeoutError:
            if not clock.expired():
                raise
            return _unfinished(run, f"its time limit of {self._time_s:g} s is reached")


class ReadOnlyTools(ResearchTools):
    """The session's tools as the sub-agent gets them: only those that read, only calls that the policy allows."""

    def __init__(self, context: SubagentContext, policy: Policy) -> None:
        self._tools = context.tools
        self._policy = policy
        self._grants, self._denials = context.grants, context.denials
        self._specs = [_read_only_spec(spec) for spec in context.tools.specs() if self._offered(_name(spec))]

    def specs(self) -> list[dict[str, object]]:
        """The specs of the tools that only read."""
        return self._specs

    def prepare(self, name: str, arguments: dict[str, object]) -> PreparedCall | str:
        """The decoded call if it may run; else the reason why not, for the model."""
        names = [_name(spec) for spec in self._specs]
        if name not in names:
            return f"not run: research does not have the tool {name}; it has {', '.join(names) or 'no tools'}"
        if name in REMOVED_ARGUMENTS and arguments.get(REMOVED_ARGUMENTS[name]):
            return f"not run: research only reads; omit `{REMOVED_ARGUMENTS[name]}`"
        prepared = self._tools.prepare(name, arguments)
        if isinstance(prepared, str):
            return prepared
        effects = prepared.effects
        if effects.kinds - READ_EFFECTS or effects.cost_usd != 0:
            return f"not run: research only reads, and this call does more ({effects.description or name})"
        verdict = evaluate(self._policy, name, arguments, effects, self._grants(), denials=self._denials())
        if verdict.action == "allow":
            return prepared
        reason = "needs an approval, and research asks nobody" if verdict.action == "ask" else "is denied by the policy"
        return f"not run: it {reason} ({verdict.reason}); continue without it"

    def _offered(self, name: str) -> bool:
        return name not in EXCLUDED and (name in REMOVED_ARGUMENTS or self._tools.side_effects(name) is None)


def _name(spec: dict[str, object]) -> str:
    function = spec["function"]
    assert isinstance(function, dict)
    return str(function["name"])


def _read_only_spec(spec: dict[str, object]) -> dict[str, object]:
    """The tool's spec without the argument that lets it change something. Edits `spec`: the router gives a copy."""
    removed = REMOVED_ARGUMENTS.get(_name(spec))
    function = spec["function"]
    if removed is not None and isinstance(function, dict):
        function["parameters"]["properties"].pop(removed, None)
    return spec


def _unfinished(run: ResearchRun, reason: str) -> ToolResult:
    text = f"\n\nIts text until then:\n{run.last_text}" if run.last_text else ""
    return ToolResult(output=f"the research is not finished: {reason}{text}", success=False)
