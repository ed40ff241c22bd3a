"""ACP agent under kills of the server and of the agent: a prompt is said once, a load is exact, two editors and a client show the same."""

import asyncio
import itertools
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.util.tasks import TaskOwner
from clients import SessionClient
from protocol.content import AssistantMessage, UserMessage
from protocol.runtime_file import ServerPlace, read_runtime_file
from protocol.view import View
from tests.faults.harness.lengths import LONG, few, in_the_long_form, length
from tests.faults.harness.order import Failpoint, When
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.acp.editor import Editor, Message, editor, editor_process
from tests.support.application import settings_for
from tests.support.polling import eventually

POINTS: list[tuple[When, int]] = [("before", 1), ("after", 3)]
"""When the server is killed, and at which append in the short form."""


def answered(view: View) -> str:
    """All that was answered in the session."""
    return "".join(one.text for one in view.messages if isinstance(one, AssistantMessage))


async def inputs_and_answer(url: str, session_id: str) -> tuple[list[str], str]:
    """What users said in the session, and all that was answered, once nothing runs."""
    async with SessionClient(url, session_id, feed_max=0) as client:
        await client.wait_until(lambda view: view.state == "idle" and not view.queued)
        said = [one.text for one in client.view.messages if isinstance(one, UserMessage)]
        return said, answered(client.view)


async def shows(one: Editor, answer: str) -> None:
    """The editor gets to show just this."""
    await one.until(lambda: len(one.text()) >= len(answer))
    assert one.text() == answer


async def is_killed(server: ServerProcess, session_id: str, *answers: asyncio.Future[Message]) -> bool:
    """Whether the server is killed before these prompts are answered and it has come to rest."""

    async def rest() -> None:
        await asyncio.wait(answers)
        await inputs_and_answer(server.http, session_id)

    tasks = TaskOwner("kill or rest")
    ended, resting = tasks.start(server.ended(), "ended"), tasks.start(rest(), "rest")
    await asyncio.wait({ended, resting}, return_when=asyncio.FIRST_COMPLETED)
    killed = ended.done()
    await tasks.aclose()
    assert not killed or ended.result() == -signal.SIGKILL
    return killed


async def at_every_append(
    play: Callable[[Path, Failpoint], Awaitable[bool]], folder: Path, when: When, short: int, fewest: int
) -> int:
    """Play it with a kill at the 1st append, the 2nd, and on until none is left; the short form only at this one. The number of kills."""
    if not LONG:
        assert await play(folder, Failpoint("append", short, when))
        return 1
    for at in itertools.count(1):
        (folder / str(at)).mkdir()
        if not await play(folder / str(at), Failpoint("append", at, when)):
            break
    assert at > fewest, f"nothing was killed at append {at}"
    return at - 1


@pytest.mark.timeout(length(120, 600))
@pytest.mark.parametrize(("when", "short"), POINTS)
async def test_a_prompt_is_said_once_when_the_server_is_killed(
    zygote: Zygote, tmp_path: Path, when: When, short: int, tally: Counter[str]
) -> None:
    async def play(folder: Path, point: Failpoint) -> bool:
        async with ServerProcess(zygote, folder, settings_for(folder / "data", policy={})) as server:
            await server.start(point)
            async with editor(server.http) as one:
                await one.initialize()
                session_id = await one.new()
                answer = one.prompt(session_id, "write a file")
                killed = await is_killed(server, session_id, answer)
                if killed:
                    await server.start()
                async with asyncio.timeout(45):
                    line = await answer
                assert line.get("result") == {"stopReason": "end_turn"} or line["error"]["data"]["code"] == "restart"
                said, text = await inputs_and_answer(server.http, session_id)
                assert said == ["write a file"]
                await shows(one, text)
                if killed:  # else the next turn would come to the failpoint
                    assert (await one.prompt(session_id, "hello"))["result"] == {"stopReason": "end_turn"}
        return killed

    tally["kills"] += await at_every_append(play, tmp_path, when, short, 8)


@pytest.mark.timeout(length(120, 600))
@pytest.mark.parametrize(("when", "short"), POINTS)
async def test_two_editors_and_a_client_show_the_same_when_the_server_is_killed(
    zygote: Zygote, tmp_path: Path, when: When, short: int, tally: Counter[str]
) -> None:
    async def play(folder: Path, point: Failpoint) -> bool:
        async with ServerProcess(zygote, folder, settings_for(folder / "data", policy={})) as server:
            await server.start()
            async with editor(server.http) as one, editor(server.http) as two:
                await asyncio.gather(one.initialize(), two.initialize())
                session_id = await one.new()
                assert (await one.prompt(session_id, "hello"))["result"] == {"stopReason": "end_turn"}
                await two.load(session_id)
                async with SessionClient(server.http, session_id, feed_max=0) as client:
                    await client.wait_until(lambda view: len(view.messages) == 2)
                    await server.terminate()
                    await server.start(point)
                    answers = [two.prompt(session_id, "write a file"), one.prompt(session_id, "long")]
                    killed = await is_killed(server, session_id, *answers)
                    if killed:
                        await server.start()
                    async with asyncio.timeout(45):
                        await asyncio.gather(*answers)
                    said, text = await inputs_and_answer(server.http, session_id)
                    assert said[0] == "hello" and sorted(said[1:]) == ["long", "write a file"]
                    await client.wait_until(lambda view: view.state == "idle" and answered(view) == text)
                await shows(one, text)
                await shows(two, text)
        return killed

    fewest = 12  # 14 to 16: what both prompts give at the same time is one append or two
    tally["kills"] += await at_every_append(play, tmp_path, when, short, fewest)


@pytest.mark.parametrize("lines", few(range(4, 40), 12))
async def test_a_session_is_loaded_exactly_after_its_agent_was_killed(
    zygote: Zygote, tmp_path: Path, lines: int, tally: Counter[str]
) -> None:
    async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data", policy={})) as server:
        await server.start()
        async with editor_process("--url", server.http) as one:
            await one.initialize()
            session_id = await one.new()
            one.prompt(session_id, "write a file")
            await one.until(lambda: len(one.lines) >= lines or one.text().endswith("given to the model."))
            one.process.kill()
            tally["kills"] += 1
        async with editor(server.http) as two:
            await two.initialize()
            assert "configOptions" in await two.load(session_id)
            said, text = await inputs_and_answer(server.http, session_id)
            assert said == ["write a file"]
            await shows(two, text)
            assert two.text("user_message_chunk") == "write a file"


async def test_a_prompt_is_cancelled_while_the_server_is_away_and_the_next_is_taken(
    zygote: Zygote, tmp_path: Path
) -> None:
    async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data")) as server:
        await server.start()
        async with editor(server.http) as one:
            await one.initialize()
            session_id = await one.new()
            answer = one.prompt(session_id, "delete the file")
            await one.until(lambda: one.asks)
            await server.kill()
            one.notify("session/cancel", sessionId=session_id)
            assert (await answer)["result"] == {"stopReason": "cancelled"}
            await server.start()
            assert (await one.prompt(session_id, "hello"))["result"] == {"stopReason": "end_turn"}
            said, _ = await inputs_and_answer(server.http, session_id)
            assert said == ["delete the file", "hello"]


@in_the_long_form
@pytest.mark.timeout(300)
async def test_two_editors_start_one_server_and_go_on_with_the_next_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    project = home / "project"
    project.mkdir(parents=True)
    environ = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "HOLDFAST_MODEL": "demo", "HOLDFAST_DATA": ""}
    folder = home / "data/holdfast"

    async def place(other_than: int = 0) -> ServerPlace:
        await eventually(lambda: (found := read_runtime_file(folder)) is not None and found.pid != other_than)
        found = read_runtime_file(folder)
        assert found is not None
        return found

    async with editor_process(environ=environ) as one, editor_process(environ=environ) as two:
        one.approving = two.approving = True
        await asyncio.gather(one.initialize(), two.initialize())
        made = [each.request("session/new", cwd=str(project), mcpServers=[]) for each in (one, two)]
        first, second = [result["sessionId"] for result in await asyncio.gather(*made)]
        for each, session_id in ((one, first), (two, second)):
            assert (await each.prompt(session_id, 'write notes.txt "kept"'))["result"] == {"stopReason": "end_turn"}
        assert (project / "notes.txt").read_text() == "kept"
        server = await place()
        try:
            listed = await one.request("session/list", cwd=str(project))
            assert {row["sessionId"] for row in listed["sessions"]} == {first, second}
            os.kill(server.pid, signal.SIGKILL)
            done = await asyncio.gather(one.prompt(first, "hello"), two.prompt(second, "hello"))
            assert [line["result"] for line in done] == [{"stopReason": "end_turn"}] * 2
            assert (await place(server.pid)).pid != server.pid
        finally:
            os.kill((await place()).pid, signal.SIGTERM)
