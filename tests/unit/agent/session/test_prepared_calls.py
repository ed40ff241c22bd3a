"""Prepared calls: the arguments of a call are decoded once at each step, and those that were approved are those that run."""

from typing import ClassVar

import msgspec
import pytest

from agent.policy.effects import Effects
from agent.tools import StructTool, ToolLog, ToolResult, ToolRouter
from protocol import events as ev
from tests.unit.agent.session.script import Script, call


class Parcel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments that count how often they are decoded."""

    decoded: ClassVar[int] = 0
    to: str
    boxes: int = 1

    def __post_init__(self) -> None:
        Parcel.decoded += 1


class Send(StructTool[Parcel]):
    """Keeps what it was run with. `asks`: whether a person is asked first."""

    name = "send"
    description = "Send boxes."
    arguments = Parcel

    def __init__(self, *, spends: bool, cost_usd: float | None = None) -> None:
        self.sent: list[Parcel] = []
        self._spends = spends
        self._cost_usd = cost_usd

    def validate(self, arguments: Parcel) -> str | None:
        return None if arguments.to else "Expected a name - at `$.to`"

    def effects(self, arguments: Parcel) -> Effects:
        return Effects(f"sends {arguments.boxes} to {arguments.to}", frozenset({"spend"} if self._spends else ()))

    async def execute(self, arguments: Parcel, log: ToolLog) -> ToolResult:
        self.sent.append(arguments)
        return ToolResult(output="sent", success=True, cost_usd=self._cost_usd)


@pytest.fixture(autouse=True)
def counted() -> None:
    Parcel.decoded = 0


async def quiet(text: str) -> None:
    raise AssertionError(text)


async def run(script: Script) -> int:
    """Run the one call that was set going and hand in its result; how often its arguments were decoded to run them."""
    (effect,) = script.ran()
    before = Parcel.decoded
    router = script.rules.tools
    assert isinstance(router, ToolRouter)
    result = await router.run(effect.tool, dict(effect.arguments), quiet)
    taken = Parcel.decoded - before
    script.tool_done(effect.tool_call_id, result.output, result.success, cost_usd=result.cost_usd)
    return taken


def begun(tool: Send, arguments: str) -> Script:
    script = Script(tools=ToolRouter([tool]))
    script.say("send it")
    script.finish(call("c1", "send", arguments))
    return script


async def test_arguments_are_decoded_once_at_the_call_once_at_the_answer_and_once_at_the_run() -> None:
    tool = Send(spends=True, cost_usd=0.5)
    script = begun(tool, '{"to": "ann"}')
    assert Parcel.decoded == 1
    assert script.last(ev.ApprovalRequired).tools[0].arguments == {"to": "ann"}
    script.approve("c1")
    assert Parcel.decoded == 2
    assert await run(script) == 1
    assert Parcel.decoded == 3
    assert [(parcel.to, parcel.boxes) for parcel in tool.sent] == [("ann", 1)]


async def test_edited_arguments_are_decoded_at_the_answer_and_are_what_runs() -> None:
    tool = Send(spends=True, cost_usd=0.5)
    script = begun(tool, '{"to": "ann"}')
    script.approve("c1", arguments={"to": "bob", "boxes": 2})
    assert Parcel.decoded == 3
    assert await run(script) == 1
    assert [(parcel.to, parcel.boxes) for parcel in tool.sent] == [("bob", 2)]


async def test_a_call_that_runs_freely_is_decoded_at_the_call_and_at_the_run() -> None:
    tool = Send(spends=False, cost_usd=0.0)
    script = begun(tool, '{"to": "ann"}')
    assert Parcel.decoded == 1
    assert await run(script) == 1
    assert Parcel.decoded == 2
    assert len(tool.sent) == 1


async def test_the_estimate_of_a_tool_that_does_not_know_its_cost_is_made_once_more_at_the_end() -> None:
    script = begun(Send(spends=False), '{"to": "ann"}')
    await run(script)
    assert Parcel.decoded == 3


def test_edited_arguments_that_do_not_fit_are_refused_and_nothing_runs() -> None:
    script = begun(Send(spends=True), '{"to": "ann"}')
    assert script.approve("c1", arguments={"to": ""}) == []
    assert script.ran() == []
