"""Worker: the tool calls of one message run concurrently and are cancelled together."""

import asyncio

import msgspec

from agent.models import Models, ModelSettings
from agent.session.messages import CancelWork, RunTool, ToolDone
from agent.tools import StructTool, ToolLog, ToolResult, ToolRouter
from agent.worker import Worker
from server.sessions.inbox import Inbox

CALLS = 8


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Meets(StructTool[Nothing]):
    """Ends only when as many calls as are wanted are under way."""

    name = "meet"
    description = "Meet the others."
    arguments = Nothing

    def __init__(self, wanted: int) -> None:
        self.barrier = asyncio.Barrier(wanted)

    async def execute(self, arguments: Nothing, log: ToolLog) -> ToolResult:
        await self.barrier.wait()
        return ToolResult("met", True)


def at_work(wanted: int) -> tuple[Worker, Inbox]:
    inbox = Inbox(1, 1_000)
    worker = Worker("s1", Models(ModelSettings()), ToolRouter([Meets(wanted)]), inbox)
    for number in range(CALLS):
        worker.start(RunTool(f"c{number}", "meet", {}))
    return worker, inbox


async def test_the_calls_of_a_message_run_side_by_side() -> None:
    worker, inbox = at_work(CALLS)
    done: list[str] = []
    while len(done) < CALLS:
        await inbox.wait()
        for message in inbox.drain():
            assert isinstance(message, ToolDone)
            assert message.result.output == "met"
            done.append(message.tool_call_id)
    assert sorted(done) == [f"c{number}" for number in range(CALLS)]
    await worker.aclose()


async def test_all_calls_stop_when_the_work_is_cancelled() -> None:
    worker, inbox = at_work(CALLS + 1)
    assert worker.running == CALLS
    worker.start(CancelWork())
    await worker.aclose()
    assert worker.running == 0
    assert inbox.drain() == []
