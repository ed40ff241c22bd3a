"""Program inside a sandbox Space: as a real process that runs real commands."""

import ast
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from agent.sandbox.in_space import SECRET_HEADER
from agent.sandbox.remote.space_client import SpaceClient, Unreachable
from agent.workspace.files import Entry, ExitStatus, SandboxError
from tests.support.network.http_client import http_client
from tests.support.sandbox.space_program import ROOT, SECRET, Program, space_program


class Place:
    """A program, a client of it, and what a command wrote."""

    def __init__(self, program: Program, client: SpaceClient, workspace: Path) -> None:
        self.program = program
        self.client = client
        self.workspace = workspace
        self.output = bytearray()
        self._changed = asyncio.Condition()

    async def receive(self, piece: bytes) -> None:
        self.output += piece
        async with self._changed:
            self._changed.notify_all()

    async def until(self, done: Callable[[bytes], bool]) -> bytes:
        async with self._changed:
            await self._changed.wait_for(lambda: done(bytes(self.output)))
        return bytes(self.output)

    async def run(self, command: str, timeout_s: float = 30.0) -> ExitStatus:
        self.output.clear()
        return await self.client.exec(command, self.receive, timeout_s)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with space_program(tmp_path / "workspace") as program:
        client = SpaceClient(program.url, "hf_token", SECRET)
        try:
            yield Place(program, client, tmp_path / "workspace")
        finally:
            await client.aclose()


async def gone(pid: int) -> None:
    """Wait for a process's end."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, ended.set)
    try:
        await ended.wait()
    finally:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)


async def test_a_command_runs_in_the_workspace_and_returns_its_output_and_exit_code(place: Place) -> None:
    await place.client.check()
    assert await place.run("echo out; echo err >&2; pwd; exit 3") == ExitStatus(3)
    assert place.output.decode() == f"out\nerr\n{place.workspace}\n"
    assert await place.run("kill -TERM $$") == ExitStatus(128 + 15)
    assert await place.run("cat") == ExitStatus(0)


async def test_output_comes_while_the_command_runs_byte_for_byte(place: Place) -> None:
    os.mkfifo(place.workspace / "go")
    running = asyncio.gather(place.run(r"printf 'a\0\377'; read line < go; echo $line"))
    assert await place.until(lambda output: len(output) >= 3) == b"a\0\xff"
    await asyncio.to_thread((place.workspace / "go").write_text, "on\n")
    (ended,) = await running
    assert ended == ExitStatus(0)
    assert bytes(place.output) == b"a\0\xffon\n"


async def test_a_command_that_is_out_of_time_is_killed_with_all_that_came_of_it(place: Place) -> None:
    ended = await place.run("setsid sleep 600 & echo $!; sleep 600 & echo $!; wait", timeout_s=0.5)
    assert ended.stopped == "not done within 0.5 s"
    for pid in place.output.split():
        await gone(int(pid))


@pytest.mark.parametrize(
    "hide",
    [
        "sleep 600 & echo $!",
        "(setsid sleep 600 & echo $!)",
        "(trap '' TERM HUP INT; sleep 600) & echo $!",
        "env -i setsid nohup sleep 600 > /dev/null 2>&1 & echo $!",
    ],
)
async def test_a_cancelled_commands_processes_are_gone_when_the_cancelling_is_done(place: Place, hide: str) -> None:
    running = asyncio.gather(place.run(f"{hide}; echo there; sleep 600"))
    pid = int((await place.until(lambda output: b"there" in output)).split()[0])
    assert psutil.pid_exists(pid)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await gone(pid)
    assert await place.run("echo still here") == ExitStatus(0)


async def test_background_processes_end_with_their_command_and_do_not_delay_it(place: Place) -> None:
    assert await place.run("sleep 600 & echo $!") == ExitStatus(0)
    await gone(int(place.output))


async def test_a_command_that_kills_its_supervisor_ends_and_its_daemons_with_it(place: Place) -> None:
    ended = await place.run("setsid sleep 600 & echo $!; kill -9 $PPID; sleep 600")
    assert ended.code == 128 + 9
    await gone(int(place.output.split()[0]))
    assert await place.run("echo still here") == ExitStatus(0)


async def test_when_the_program_is_killed_its_commands_do_not_go_on(place: Place) -> None:
    running = asyncio.gather(place.run("sleep 600 & echo $!; wait"))
    pid = int(await place.until(lambda output: output.endswith(b"\n")))
    await place.program.stop()
    with pytest.raises(SandboxError):
        await running
    await gone(pid)


async def test_when_the_client_is_gone_its_command_ends(place: Place) -> None:
    async with http_client(headers={SECRET_HEADER: SECRET}) as http:
        body = {"id": "mine", "command": "echo $$; sleep 600", "timeout_s": 600}
        async with http.stream("POST", f"{place.program.url}/exec", json=body) as answer:
            first = await anext(answer.aiter_raw())
    await gone(int(first[5:]))


async def test_a_command_whose_output_is_no_longer_wanted_is_killed(place: Place) -> None:
    class Enough(Exception):
        pass

    async def receive(piece: bytes) -> None:
        await place.receive(piece)
        raise Enough

    with pytest.raises(Enough):
        await place.client.exec("echo $$; exec yes", receive, 60.0)
    await gone(int(place.output.split()[0]))


async def test_a_call_cancelled_before_its_start_does_not_start(place: Place) -> None:
    async with http_client(place.program.url, headers={SECRET_HEADER: SECRET}) as http:
        assert (await http.post("/cancel", json={"id": "early"})).json() == {"ended": False}
        refused = await http.post("/exec", json={"id": "early", "command": "touch was-here", "timeout_s": 5})
        assert (refused.status_code, refused.json()["error"]) == (409, "this command was cancelled before it began")
    assert not (place.workspace / "was-here").exists()


async def test_files_are_written_whole_read_from_their_beginning_and_listed(place: Place) -> None:
    assert await place.client.write("a/b.txt", b"hello") is False
    assert await place.client.write("a/b.txt", b"hello world") is True
    start = await place.client.read("a/b.txt", 5)
    assert (start.data, start.size) == (b"hello", 11)
    await place.client.write("z", b"")
    os.symlink("/etc/passwd", place.workspace / "link")
    listed = [Entry("a", "folder", 0), Entry("a/b.txt", "file", 11), Entry("link", "link", 0), Entry("z", "file", 0)]
    assert await place.client.list("", recursive=True, most=10) == (listed, False)
    assert await place.client.list("", recursive=False, most=2) == ([listed[0], listed[2]], True)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "link", "up/passwd", "nothing", "", "pipe", "self/environ"])
async def test_no_path_leads_out_of_the_workspace_or_through_a_link(place: Place, path: str) -> None:
    os.symlink("/etc/passwd", place.workspace / "link")
    os.symlink("/etc", place.workspace / "up")
    os.symlink("/proc/self", place.workspace / "self")
    os.mkfifo(place.workspace / "pipe")
    with pytest.raises(SandboxError):
        await place.client.read(path, 100)
    if path not in ("nothing", "link"):
        with pytest.raises(SandboxError):
            await place.client.write(path, b"x")
    assert not (place.workspace.parent / "x").exists()


async def test_requests_without_the_secret_are_refused_even_with_the_hubs_token(place: Place) -> None:
    for headers in ({}, {SECRET_HEADER: "x" * 32}, {"Authorization": f"Bearer {SECRET}"}, {SECRET_HEADER: ""}):
        async with http_client(place.program.url, headers=headers) as http:
            for method, path in [("GET", "/health"), ("POST", "/exec"), ("PUT", "/write?path=x"), ("GET", "/nothing")]:
                assert (await http.request(method, path, content=b"{}")).status_code == 401
    wrong = SpaceClient(place.program.url, "hf_token", "y" * 32)
    with pytest.raises(Unreachable, match="401"):
        await wrong.check()
    await wrong.aclose()


async def test_no_command_finds_the_secret(place: Place) -> None:
    hunt = f"env; cat /proc/{place.program.process.pid}/environ; cat /proc/$PPID/environ; cat /proc/self/environ"
    await place.run(hunt)
    assert SECRET.encode() not in place.output


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[]", 400), (b"no", 400), (b'{"id":"a","command":1,"timeout_s":1}', 400), (b"x" * (2 << 20), 413)],
)
async def test_an_invalid_request_is_refused_with_a_message(place: Place, body: bytes, status: int) -> None:
    async with http_client(place.program.url, headers={SECRET_HEADER: SECRET}) as http:
        refused = await http.post("/exec", content=body)
        assert refused.status_code == status
        assert refused.json()["error"]


async def test_the_program_does_not_start_without_a_valid_secret(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="at least 32 characters"):
        async with space_program(tmp_path, secret="short"):
            pass


def test_the_program_imports_only_the_standard_library() -> None:
    for path in sorted((ROOT / "agent" / "sandbox" / "in_space").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.startswith("agent.sandbox.in_space") or name.partition(".")[0] in sys.stdlib_module_names
