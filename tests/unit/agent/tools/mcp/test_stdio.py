"""MCP over stdio: output becomes results, and every call gets an answer whatever the server does."""

import asyncio
import logging
import sys
from pathlib import Path

import anyio
import psutil
import pytest

from agent.tools import WorkspaceLimits
from agent.tools.mcp.stdio import stdio_transport
from agent.tools.plan import PlanTool
from agent.util.tasks import TaskOwner
from tests.support.constants import built_in
from tests.support.polling import eventually
from tests.support.prepared_calls import complaint_of
from tests.unit.agent.tools.mcp.plain_server import PNG
from tests.unit.agent.tools.mcp.servers import alive, entry, everything, noted, odd, running_servers


async def test_tools_appear_with_their_own_names_and_answer(tmp_path: Path) -> None:
    async with running_servers(
        tmp_path, {"time": entry(command=str(Path(sys.executable).with_name("mcp-server-time")))}
    ) as running:
        session = await running.session(tools=[PlanTool(WorkspaceLimits())])
        assert session.names() == ["convert_time", "get_current_time", "plan"]
        answer = await session.answer("get_current_time", timezone="Europe/Paris")
        assert answer["timezone"] == "Europe/Paris"
        wrong = await session.run("get_current_time", timezone="Nowhere/Else")
        assert not wrong.success and "Nowhere/Else" in wrong.output


async def test_a_servers_text_and_files_are_shown_and_saved(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd("--garbage")}) as running:
        session = await running.session()
        steps = await session.run("steps")
        assert (steps.success, steps.output) == (True, "done")
        assert "".join(session.log) == "[1/3] step 1\n[2/3] step 2\n[3/3] step 3\n[info] all steps done\n"

        picture = (await session.run("picture")).output
        kept = [
            line.rpartition(" ")[2].rstrip("]") for line in picture.splitlines() if "saved in the workspace" in line
        ]
        assert [Path(path).suffix for path in kept] == [".png", ".wav", ".pdf", ".txt"]
        assert all(path.startswith("mcp/") and path.count("/") == 1 for path in kept)
        assert session.workspace.read(kept[0]).data == PNG
        assert session.workspace.read(kept[3]).data == b"hello"
        assert "resource link: more 'https://example.com/more'" in picture and picture.startswith("see\n")

        assert "not base64" in (await session.run("broken_picture")).output
        assert await session.answer("figures") == {"answer": 42}
        failed = await session.run("fail")
        assert not failed.success and "fail" in failed.output
        flood = await session.run("flood", chars=2_000_000)
        assert flood.success and flood.truncated and len(flood.output) <= 50_000


async def test_arguments_that_do_not_fit_come_back_without_a_call(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd()}) as running:
        session = await running.session()
        many = await session.run("echo", text="a", times=9)
        assert not many.success and many.output.endswith("- at `$.times`")
        assert '"text" is a required property' in (await session.run("echo")).output
        assert complaint_of(session.router, "echo", {"text": 3}) is not None
        assert (await session.run("echo", text="a", times=2)).output == "aa"


async def test_a_server_gets_a_small_environment_and_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_CANARY", "of the server alone")
    async with running_servers(tmp_path, {"odd": odd(env={"MINE": "yes"})}) as running:
        env = (await (await running.session()).answer("whoami"))["env"]
        assert env["MINE"] == "yes" and "PATH" in env
        assert "HOLDFAST_CANARY" not in env and "HF_TOKEN" not in env


async def test_a_server_killed_during_a_call_is_reported_and_restarted(tmp_path: Path, tasks: TaskOwner) -> None:
    async with running_servers(tmp_path, {"odd": odd(folder=tmp_path)}) as running:
        session = await running.session()
        call = tasks.start(session.run("hold"), "hold")
        await eventually(lambda: noted(tmp_path, "holding"), "the call")
        process = psutil.Process(noted(tmp_path, "holding"))
        process.kill()
        result = await call
        assert not result.success and "outcome is unknown" in result.output
        assert "code 137" in result.output
        await eventually(lambda: running.state("odd")[0] == "up", "the server")
        assert (await session.run("echo", text="again")).output == "again"


async def test_a_server_that_exits_is_reported_while_it_is_down(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd()}, backoff_initial_s=600.0, backoff_max_s=600.0) as running:
        session = await running.session()
        died = await session.run("die")
        assert not died.success and "code 3" in died.output
        await eventually(lambda: running.state("odd")[0] == "down", "the end")
        assert "echo" not in session.names()
        gone = await session.run("echo", text="x")
        assert not gone.success and "odd (its process ended with code 3)" in gone.output
        assert complaint_of(session.router, "echo", {"text": "x"}) is not None


async def test_a_hung_server_times_out_the_call_and_is_restarted(tmp_path: Path) -> None:
    servers = {"odd": odd(folder=tmp_path, call_timeout_s=0.5)}
    async with running_servers(tmp_path, servers, check_timeout_s=0.2) as running:
        session = await running.session()
        result = await session.run("hang")
        assert not result.success and "not finished within 0.5 s" in result.output
        hung = noted(tmp_path, "hanging")
        await eventually(lambda: not alive(hung), "the end of the hung process")
        await eventually(lambda: running.state("odd")[0] == "up", "a new one")
        assert noted(tmp_path, "started") != hung
        assert (await session.run("echo", text="back")).output == "back"


async def test_an_interrupt_is_sent_to_the_server(tmp_path: Path, tasks: TaskOwner) -> None:
    async with running_servers(tmp_path, {"odd": odd(folder=tmp_path)}) as running:
        session = await running.session()
        call = tasks.start(session.run("hold"), "hold")
        await eventually(lambda: noted(tmp_path, "holding"), "the call")
        call.cancel()
        await asyncio.wait({call})
        assert call.cancelled()
        await eventually(lambda: noted(tmp_path, "cancelled"), "the server's hearing of it")
        assert (await session.run("echo", text="well")).output == "well"


async def test_added_and_removed_tools_are_noticed(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd()}) as running:
        session = await running.session()
        assert "flood" in session.names() and "late" not in session.names()
        await session.run("grow")
        await eventually(lambda: "late" in session.names(), "the new tool")
        assert "flood" not in session.names()
        assert (await session.run("late")).output == "late"
        gone = await session.run("flood", chars=1)
        assert not gone.success and "no longer has a tool" in gone.output


async def test_a_slow_server_is_not_waited_for_and_appears_when_it_is_up(tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    async with running_servers(tmp_path, {"odd": odd("--after", str(begin))}, ready_wait_s=0.05) as running:
        session = await running.session()
        assert session.names() == []
        early = await session.run("echo", text="x")
        assert not early.success and "odd (it is starting)" in early.output
        begin.touch()
        await eventually(lambda: "echo" in session.names(), "the slow server")


async def test_a_server_that_starts_too_slowly_is_stopped_and_retried(tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    async with running_servers(
        tmp_path,
        {"odd": odd("--after", str(begin), start_timeout_s=30.0), "no": odd("--after", "/none", start_timeout_s=0.3)},
    ) as running:
        await eventually(lambda: running.state("no") == ("down", "it did not answer in time"), "giving up")
        begin.touch()
        await eventually(lambda: running.state("odd")[0] == "up", "the other")


async def test_a_servers_stderr_is_logged_within_limits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "holdfast.mcp")
    complaint = "\n".join(f"complaint {number} " + "x" * 5_000 for number in range(5))
    async with running_servers(tmp_path, {"odd": odd("--complain", complaint)}, stderr_lines_per_minute=3) as running:
        await running.session()
    lines = [record.getMessage() for record in caplog.records if "complaint" in record.getMessage()]
    assert len(lines) <= 3 and lines[0].startswith("MCP server odd: complaint 0")
    assert all(len(line) < 1_200 for line in lines)


async def test_standard_error_without_an_end_of_line_fills_neither_memory_nor_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_servers(tmp_path, {"odd": odd("--complain", "x" * 100_000)}) as running:
        assert (await (await running.session()).run("echo", text="hi")).output == "hi"
    written = [record.getMessage() for record in caplog.records if "xxx" in record.getMessage()]
    assert sum(map(len, written)) < 2_000


async def test_a_message_beyond_the_bound_ends_the_connection_and_no_more(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd()}, message_bytes_max=100_000) as running:
        session = await running.session()
        flood = await session.run("flood", chars=300_000)
        assert not flood.success and "more than 100000 bytes" in flood.output
        await eventually(lambda: running.state("odd")[0] == "up", "the server")
        assert (await session.run("echo", text="on")).output == "on"


async def test_the_process_and_all_it_started_end_with_the_connection(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd("--stubborn", folder=tmp_path)}, stop_wait_s=0.2) as running:
        await running.session()
        pids = [noted(tmp_path, "started"), noted(tmp_path, "child")]
        assert all(alive(pid) for pid in pids)
    assert not any(alive(pid) for pid in pids)


async def test_the_process_ends_also_where_its_connection_breaks_off_in_a_scope_that_is_cancelled(
    tmp_path: Path,
) -> None:
    built_in("mcp", {"stop_wait_s": 0.2})
    server, reasons = odd("--stubborn", folder=tmp_path), list[str]()
    with anyio.CancelScope() as scope:
        async with stdio_transport("odd", server, None, reasons.append):
            await eventually(lambda: noted(tmp_path, "child"), "its child")
            scope.cancel()
            await anyio.sleep_forever()
    assert not alive(noted(tmp_path, "started")) and not alive(noted(tmp_path, "child"))


async def test_the_process_ends_also_where_its_end_is_cancelled(tmp_path: Path, tasks: TaskOwner) -> None:
    built_in("mcp", {"stop_wait_s": 0.2})
    server, up = odd("--stubborn", folder=tmp_path), asyncio.Event()

    async def connected() -> None:
        async with stdio_transport("odd", server, None, lambda why: None):
            await eventually(lambda: noted(tmp_path, "child") and noted(tmp_path, "started"), "its child")
            up.set()
            await asyncio.Event().wait()

    held = tasks.start(connected(), "connected")
    await up.wait()
    for _ in range(3):
        held.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({held})
    assert held.cancelled()
    assert not alive(noted(tmp_path, "started")) and not alive(noted(tmp_path, "child"))


async def test_a_supervisor_that_is_killed_leaves_nothing_behind_either(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd("--stubborn", folder=tmp_path)}, stop_wait_s=0.2) as running:
        await running.session()
        server = noted(tmp_path, "started")
        supervisor = psutil.Process(server).parent()
        assert supervisor is not None
        supervisor.kill()
        await eventually(lambda: not supervisor.is_running() or supervisor.status() == "zombie", "its end")
    await eventually(lambda: not alive(server), "the server's end")
    psutil.Process(noted(tmp_path, "child")).kill()  # which left the group; without a supervisor nobody knows of it


async def test_questions_of_a_server_are_declined(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd()}) as running:
        assert (await (await running.session()).run("ask")).output == 'got {"action": "decline"}'


async def test_the_reference_server_over_stdio(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"all": everything()}) as running:
        session = await running.session()
        assert "7" in (await session.run("get-sum", a=3, b=4)).output
        image = await session.run("get-tiny-image")
        assert image.success and "saved in the workspace as mcp/get-tiny-image-" in image.output
        long = await session.run("trigger-long-running-operation", duration=0.2, steps=2)
        assert long.success and "[1/2]" in "".join(session.log)
        assert (await session.run("get-resource-links", count=2)).output.count("[resource link: ") == 2
        structured = await session.run("get-structured-content", location="New York")
        assert "temperature" in structured.output
