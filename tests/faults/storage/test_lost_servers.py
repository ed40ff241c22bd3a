"""Lost servers, counted: one of two is killed or paused again and again, in the middle of answers and tools; nothing seen is lost."""

import contextlib
import signal
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from protocol import events as ev
from protocol.content import UserMessage
from protocol.submissions import UserInput
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.harness.node_counts import COUNTED, counts
from tests.faults.process.process import Zygote
from tests.faults.storage.test_nodes import same_at, servers
from tests.support.live import DONE, Address, Client, client
from tests.support.models.scripted_model import Answer, Call, Hang, Request, ScriptedModel, Text, calls, stream, text

ROUNDS = 15


def answer(request: Request) -> Answer:
    """A tool that notes that it ran and goes on, then a word; or a sentence that hangs."""
    asked = request.last_user_text
    if request.messages[-1]["role"] == "tool":
        return text("I see.")
    if asked.startswith("run "):
        number = asked.removeprefix("run ")
        return calls(Call("bash", {"command": f"echo {number} >> ran; echo begun; sleep 60"}, id=f"call-{number}"))
    if asked.startswith("tell "):
        return stream(Text("Once upon"), Text(" a time"), Hang())
    return text("They lived.")


@in_the_long_form
@pytest.mark.timeout(900)
async def test_nothing_seen_is_lost_and_no_tool_runs_twice_however_often_a_server_is_lost(
    zygote: Zygote, tmp_path: Path, database: str
) -> None:
    total = dict.fromkeys([*COUNTED, "kills", "pauses", "events seen", "resent inputs", "done twice", "events lost"], 0)
    async with (
        ScriptedModel(answer, allow_complaints=True) as model,
        servers(zygote, tmp_path, database, model) as nodes,
    ):
        for number in range(ROUNDS):
            victim, survivor = (nodes[number % 2], nodes[1 - number % 2])
            pause = number % 3 == 2
            async with contextlib.AsyncExitStack() as sockets:
                teller = Client(await sockets.enter_async_context(connect(victim.ws, close_timeout=0.1)))
                runner = Client(await sockets.enter_async_context(connect(victim.ws, close_timeout=0.1)))
                await teller.send(UserInput(text=f"tell {number}"))
                await teller.until_type(ev.AssistantChunk)
                await teller.send(UserInput(text="and then?", id=f"then-{number}"))
                await teller.until_type(ev.Accepted)
                await runner.send(UserInput(text=f"run {number}", id=f"run-{number}"))
                await runner.until(lambda frame: isinstance(frame, ev.ToolLog) and "begun" in frame.text)
                before, views = await counts(survivor), {}
                if pause:
                    victim.signal(signal.SIGSTOP)
                else:
                    await victim.kill()
                for who, resent in ((teller, f"then-{number}"), (runner, f"run-{number}")):
                    session_id, seen = who.ready.session_id, who.view.seq
                    async with client(Address(survivor.port), session_id, view=who.view, **who.position) as back:
                        assert isinstance(await back.until_type(*DONE), ev.Interrupted)
                        total["events lost"] += 0 if back.ready.recovered else seen
                        if who is teller:
                            await back.until_type(ev.TurnComplete)
                        said = "and then?" if who is teller else f"run {number}"
                        await back.send(UserInput(text=said, id=resent))
                        again = await back.until_type(ev.Accepted)
                        assert again.seq <= back.view.seq, "its first answer"
                        given = [one for one in back.view.messages if isinstance(one, UserMessage) and one.text == said]
                        total["done twice"] += len(given) - 1
                        total["resent inputs"] += 1
                        total["events seen"] += back.view.seq
                        await same_at(survivor, session_id, back.view)
                        views[session_id] = back.view
                after = await counts(survivor)
                for name in ("takeovers", "declared_dead"):
                    total[name] += after[name] - before[name]
            if pause:
                victim.signal(signal.SIGCONT)
                for session_id, view in views.items():
                    await same_at(victim, session_id, view)
                total["fenced"] += (await counts(victim))["fenced"]
                await victim.terminate()
            total["pauses" if pause else "kills"] += 1
            await victim.start()
    ran = sorted(int(line) for file in tmp_path.rglob("ran") for line in file.read_text().split())
    total["tools"], total["tools run twice"] = len(ran), len(ran) - len(set(ran))
    print("\nlost servers:", ", ".join(f"{name} {count}" for name, count in total.items()))
    assert ran == list(range(ROUNDS))
    assert total["events lost"] == total["done twice"] == 0
    assert total["takeovers"] == 2 * ROUNDS and total["declared_dead"] == ROUNDS
    assert total["fenced"] >= 2 * total["pauses"], "those of earlier rounds may still be awake there"
