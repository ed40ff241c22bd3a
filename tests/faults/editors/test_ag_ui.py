"""Clients of other protocols over a server that is killed: a run comes back with what was said, and no call runs twice."""

from pathlib import Path

import pytest

from tests.faults.harness.lengths import in_the_long_form
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.compatible.ag_ui import node_agent
from tests.support.compatible.settings import compatible
from tests.support.models.scripted_model import Call, Finish, Gate, ScriptedModel, Text, calls, stream, text

pytestmark = pytest.mark.timeout(120)

THREAD = "killed"
WRITES = Call("write", {"path": "a.txt", "content": "x"}, id="call-1")


@in_the_long_form
async def test_a_run_and_its_interrupt_outlive_a_server_that_is_killed(zygote: Zygote, tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("Half "), gate, Text("done."), Finish()), calls(WRITES), text("Written.")]
    async with ScriptedModel(script) as model:
        async with ServerProcess(zygote, tmp_path, compatible(tmp_path / "data", model)) as server:
            await server.start()
            async with node_agent(server.http, THREAD) as agent:
                cut = await agent.run("work", cutAfter=4)
                assert cut.texts("assistant") == ["Half "]
                await server.kill()
                await server.start()
                ended = await agent.run()
                assert (ended.types, ended.events[-1]["code"]) == (["RUN_STARTED", "RUN_ERROR"], "restart")
                assert ended.texts("assistant") == ["Half "]

                asked = await agent.run("write")
                await server.kill()
                await server.start()
                again = await agent.run(forget=True)
                assert [one["toolCallId"] for one in again.interrupts] == ["call-1"]
                done = await agent.answer(again.interrupts, {"approved": True})
                assert done.texts("assistant") == ["Half ", "", "Written."]
                assert len(done.texts("tool")) == 1
                assert [one["id"] for one in asked.interrupts] == [one["id"] for one in again.interrupts]
            assert len(model.requests) == 3
