"""`holdfast chat`: run as a process against the real server."""

import asyncio
from pathlib import Path

import pytest

from clients.session.client import SessionClient
from clients.session.reconnect import Backoff
from clients.session.view import at_rest
from protocol.content import ToolMessage
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import Call, Finish, Gate, ScriptedModel, Text, calls, stream, text
from tests.support.network.tcp_proxy import TcpProxy
from tests.unit.clients.terminal.terminal import COMMAND, PATIENCE_S, ROOT, chat

WRITE = calls(Call("write", {"path": "a.txt", "content": "hello"}, id="c1"), before="I write.")


async def test_lines_from_a_pipe_are_answered_one_after_the_other(tmp_path: Path) -> None:
    script = [text("First ", "answer."), text("Second answer.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with chat("--url", live.http) as terminal:
            terminal.type("one", "two")
            terminal.hang_up()
            assert await terminal.ends() == 0
            _, *lines = terminal.screen.splitlines()
    assert lines[:4] == ["> one", "First answer.", "> two", "Second answer."]
    assert lines[4].startswith(f"come back with: holdfast chat --url {live.http} --session ")


async def test_a_pipe_answers_questions_and_its_end_waits_for_the_turn(tmp_path: Path) -> None:
    script = [WRITE, text("Written.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with chat("--url", live.http) as terminal:
            terminal.type("write", "y")
            terminal.hang_up()
            await terminal.sees("? write: writes a.txt")
            await terminal.sees("    content: hello")
            await terminal.sees("✓ write")
            await terminal.sees("Written.")
            assert await terminal.ends() == 0


async def test_an_unanswered_approval_waits_for_a_later_client(tmp_path: Path) -> None:
    script = [WRITE, text("Then not.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with chat("--url", live.http) as terminal:
            terminal.type("write")
            terminal.hang_up()
            session_id = await terminal.session_id()
            await terminal.sees("[a call waits for an answer; come back to give it]")
            assert await terminal.ends() == 0
        async with chat("--url", live.http, "--session", session_id) as terminal:
            await terminal.sees("> write")
            await terminal.sees("I write.")
            await terminal.sees("? write")
            terminal.type("not there, please")
            await terminal.sees("· write rejected by user  not there, please")
            await terminal.sees("Then not.")
            terminal.hang_up()
            assert await terminal.ends() == 0
        assert "not there, please" in str(model.requests[-1].body)


async def test_a_terminal_asks_edits_and_prompts(tmp_path: Path) -> None:
    script = [WRITE, text("Written.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with chat("--url", live.http, terminal=True) as terminal:
            session_id = await terminal.session_id()
            await terminal.sees("> ")
            terminal.type("write")
            await terminal.sees("or say why not: ")
            terminal.type("e")
            await terminal.sees("new arguments as a JSON object")
            terminal.type("{oh")
            await terminal.sees("that is no JSON object")
            await terminal.sees("or say why not: ")
            terminal.type("e", '{"path": "b.txt", "content": "other"}')
            await terminal.sees("Written.")
            await terminal.sees("> ")
            async with SessionClient(live.http, session_id) as other:
                [result] = [m for m in other.view.messages if isinstance(m, ToolMessage)]
                assert result.arguments == {"path": "b.txt", "content": "other"}
                terminal.type("/undo")
                await terminal.sees("[the last 4 messages were taken back]")
                await terminal.sees("not undone: write: ")
            terminal.type("/help")
            await terminal.sees("/compact")
            terminal.type("/quit")
            assert await terminal.ends() == 0


async def test_an_answer_that_another_client_gave_ends_the_question(tmp_path: Path) -> None:
    script = [WRITE, text("Written.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with chat("--url", live.http, terminal=True) as terminal:
            session_id = await terminal.session_id()
            terminal.type("write")
            await terminal.sees("or say why not: ")
            async with SessionClient(live.http, session_id) as other:
                await other.approve("c1")
            await terminal.sees("· write approved by user")
            await terminal.sees("Written.")
            await terminal.sees("> ")
            terminal.type("/quit")
            assert await terminal.ends() == 0


async def test_ctrl_c_interrupts_and_the_second_leaves(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        ScriptedModel([stream(Text("Once upon"), gate)]) as model,
        listening(settings_for(tmp_path, model)) as live,
        chat("--url", live.http, terminal=True) as terminal,
    ):
        terminal.type("tell")
        await terminal.sees("Once upon")
        terminal.interrupt()
        await terminal.sees("[interrupting; Ctrl-C again leaves]")
        await terminal.sees("[interrupted by user]")
        terminal.interrupt()
        await terminal.sees("come back with: holdfast chat")
        assert await terminal.ends() == 130


async def test_steering_reaches_the_running_turn(tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("Looking"), Call("list", {}, id="c1"), gate, Finish("tool_calls")), text("As you say.")]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model)) as live,
        chat("--url", live.http, terminal=True) as terminal,
    ):
        session_id = await terminal.session_id()
        terminal.type("look")
        await terminal.sees("Looking")
        terminal.type("/steer be brief")
        async with SessionClient(live.http, session_id) as other:
            await other.wait_until(lambda view: bool(view.queued) or len(view.messages) > 1)
        gate.open()
        await terminal.sees("[your word joined the running turn]")
        await terminal.sees("As you say.")
        terminal.type("/quit")
        assert await terminal.ends() == 0
        assert "be brief" in str(model.requests[1].body)


async def test_a_lost_connection_and_a_replay_are_shown(tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("Once upon "), gate, Text("a time."), Finish())]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model)) as live,
        TcpProxy("127.0.0.1", live.port) as network,
        chat("--url", f"http://127.0.0.1:{network.port}", terminal=True) as terminal,
    ):
        session_id = await terminal.session_id()
        terminal.type("tell")
        await terminal.sees("Once upon ")
        async with SessionClient(live.http, session_id, backoff=Backoff()) as stayed:
            await network.refuse()
            await network.cut()
            gate.open()
            await stayed.wait_until(at_rest)
            await terminal.sees("connection lost (")
            await network.accept()
        await terminal.sees("[connected again]\na time.\n")
        await terminal.sees(" missed events were replayed]")
        assert terminal.screen.count("Once upon ") == 1
        terminal.type("/quit")
        assert await terminal.ends() == 0


async def test_a_failed_turn_fails_a_script(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, chat("--url", live.http) as terminal:
        terminal.type("show me an error")
        terminal.hang_up()
        assert await terminal.ends() == 1
        assert "error model_bad_response" in terminal.screen
        assert "(model demo: built in, not a real model)" in terminal.screen


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--url", "http://127.0.0.1:1"], 1, "holdfast: error: no server at http://127.0.0.1:1: "),
        (["--url", "ftp://x"], 2, "is no address of a server"),
    ],
)
async def test_an_error_is_one_line(arguments: list[str], code: int, message: str) -> None:
    async with chat(*arguments) as terminal:
        assert await terminal.ends() == code
    assert message in terminal.screen
    assert len(terminal.screen.splitlines()) == 1


async def test_a_missing_session_shows_a_message(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, chat("--url", live.http, "--session", "nope") as terminal:
        assert await terminal.ends() == 1
    assert (
        terminal.screen == f"holdfast: error: the server at {live.http} refused: there is no such session (not_found)\n"
    )


async def test_a_session_that_is_deleted_meanwhile_ends_it(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, chat("--url", live.http, terminal=True) as terminal:
        await live.manager.delete_session(await terminal.session_id())
        await terminal.sees("the session's connection ended: closed with 4404")
        assert await terminal.ends() == 1


async def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        command = " ".join([f"'{part}'" for part in [*COMMAND, "--url", live.http]])
        process = await asyncio.create_subprocess_shell(
            f"set -o pipefail 2>/dev/null; (echo long; echo long) | {command} | head -c 20",
            executable="/bin/bash",
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE_S):
            out, errors = await process.communicate()
    assert len(out) == 20
    assert errors == b""
    assert process.returncode == 1
