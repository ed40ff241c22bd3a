"""The tool `research`: its arguments, which calls it may make, and the bound on its time."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.models import ModelError
from agent.policy.effects import EffectKind, Effects
from agent.policy.policy import Policy, evaluate
from agent.tools.base import Desk, PreparedCall, StructTool, ToolLog, ToolResult
from agent.tools.research.settings import ResearchSettings
from agent.tools.research.subagent import Reading, Work

NAME = "research"
NOT_FOR_IT = frozenset({NAME, "plan"})
"""Tools that change nothing in the world and are still not for a sub-agent: itself, and the session's plan."""
READS_WITHOUT = {"web_fetch": "save_as"}
"""Tools that change something only where this argument is given; research has them without it."""
READS: frozenset[EffectKind] = frozenset({"network"})
"""What a call that only reads may do beyond the workspace, where the policy lets it."""


class Research(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `research`."""

    task: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=50_000,
            description="What to find out, with all that must be known for it: it has not seen this conversation. Say "
            "what the report should hold.",
        ),
    ]


class ResearchTool(StructTool[Research]):
    """An agent with a context of its own and the tools that only read. It asks nobody: what would be asked for is refused."""

    name = NAME
    description = (
        "Let an assistant find something out: it reads and searches by itself, in a context of its own, and gives back a "
        "report. Good for questions that take many steps of reading. It changes nothing. Several can work side by side."
    )
    arguments = Research

    def __init__(self, settings: ResearchSettings, policy: Policy) -> None:
        self._settings = settings
        self._policy = policy

    def effects(self, arguments: Research) -> Effects:
        return Effects(f"reads and searches by itself, with up to {self._settings.model_calls_max} model calls")

    async def delegate(self, arguments: Research, log: ToolLog, desk: Desk) -> ToolResult:
        """Find it out. At a bound, or where the model fails, the report is what there is."""
        work = Work(arguments.task, Reader(desk, self._policy), desk, log, self._settings)
        clock = asyncio.timeout(self._settings.time_max_s)
        try:
            async with clock:
                return ToolResult(output=await work.report(), success=True)
        except ModelError as error:
            return _unfinished(work, error.message)
        except TimeoutError:
            if not clock.expired():
                raise
            return _unfinished(work, f"its {self._settings.time_max_s:g} s are over")


class Reader(Reading):
    """The session's tools as a sub-agent has them."""

    def __init__(self, desk: Desk, policy: Policy) -> None:
        self._tools = desk.tools
        self._policy = policy
        self._grants = desk.grants
        self._specs = [_reading(spec) for spec in desk.tools.specs() if self._offered(_name(spec))]

    def specs(self) -> list[dict[str, object]]:
        """The tools that only read."""
        return self._specs

    def prepare(self, name: str, arguments: dict[str, object]) -> PreparedCall | str:
        """The call, if it may run; else why it is not run."""
        names = [_name(spec) for spec in self._specs]
        if name not in names:
            return f"not run: {name} is not for research; it has {', '.join(names) or 'no tools'}"
        if name in READS_WITHOUT and arguments.get(READS_WITHOUT[name]):
            return f"not run: research only reads; leave `{READS_WITHOUT[name]}` out"
        prepared = self._tools.prepare(name, arguments)
        if isinstance(prepared, str):
            return prepared
        effects = prepared.effects
        if effects.kinds - READS or effects.cost_usd != 0:
            return f"not run: research only reads, and this call is more than that ({effects.description or name})"
        verdict = evaluate(self._policy, name, arguments, effects, self._grants)
        if verdict.action == "allow":
            return prepared
        asked = "would have to be asked for, and research asks nobody" if verdict.action == "ask" else "is refused here"
        return f"not run: it {asked} ({verdict.reason}); go on without it"

    def _offered(self, name: str) -> bool:
        return name not in NOT_FOR_IT and (name in READS_WITHOUT or self._tools.side_effects(name) is None)


def _name(spec: dict[str, object]) -> str:
    function = spec["function"]
    assert isinstance(function, dict)
    return str(function["name"])


def _reading(spec: dict[str, object]) -> dict[str, object]:
    """The tool's spec without the argument by which it changes something. The router's specs are copies."""
    without = READS_WITHOUT.get(_name(spec))
    function = spec["function"]
    if without is not None and isinstance(function, dict):
        function["parameters"]["properties"].pop(without, None)
    return spec


def _unfinished(work: Work, why: str) -> ToolResult:
    said = f"\n\nWhat it had said until then:\n{work.said}" if work.said else ""
    return ToolResult(output=f"the research is not finished: {why}{said}", success=False)
