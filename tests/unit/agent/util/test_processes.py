"""Processes: tests of `agent.util.processes`, in both event loops that the server may run in."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from agent.util.processes import Launch, Process, _Pipe, start_process

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine in a loop of this kind, and checks that no descriptor stays open."""

    with asyncio.Runner(loop_factory=request.param) as first:
        first.run(asyncio.sleep(0))  # uvloop keeps what its first loop opens

    def one(coroutine: Coroutine[Any, Any, None]) -> None:
        before = os.listdir("/proc/self/fd") if sys.platform == "linux" else []
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(coroutine)
        assert not before or os.listdir("/proc/self/fd") == before

    return one


async def start(*command: str, stderr: int = subprocess.STDOUT, **more: Any) -> Process:
    return await start_process(Launch(command=command, environ={"PATH": os.environ["PATH"]}, stderr=stderr, **more))


async def ended(process: Process) -> int:
    code = await process.wait()
    process.close()
    return code


def test_a_process_gets_its_input_and_gives_its_output_and_exit_code(run: Run) -> None:
    async def body() -> None:
        data = b"x" * 300_000
        process = await start("sh", "-c", "cat; echo end >&2; exit 3")
        assert await process.communicate(data) == data + b"end\n"
        assert process.returncode == 3

    run(body())


def test_output_and_errors_may_be_apart_and_end_before_the_process(run: Run) -> None:
    async def body() -> None:
        process = await start("sh", "-c", "echo out; echo err >&2; exec >&- 2>&-; read -r line", stderr=subprocess.PIPE)
        assert process.stderr is not None
        assert (await process.stdout.read(), await process.stderr.read()) == (b"out\n", b"err\n")
        assert process.returncode is None
        process.stdin.close()
        assert await ended(process) == 1

    run(body())


def test_a_killed_process_ends_by_its_signal(run: Run) -> None:
    async def body() -> None:
        process = await start("sleep", "3600")
        process.kill()
        assert await ended(process) == -signal.SIGKILL == process.returncode
        process.kill()  # does nothing more

    run(body())


def test_writing_to_a_process_that_has_ended_is_a_connection_error(run: Run) -> None:
    async def body() -> None:
        process = await start("true")
        await process.wait()

        async def write() -> None:
            while True:
                process.stdin.write(b"x" * 65_536)
                await process.stdin.drain()

        with pytest.raises(ConnectionError):
            await write()
        process.close()

    run(body())


def test_a_process_gets_its_folder_and_the_descriptors_that_are_passed_and_no_others(run: Run, tmp_path: Path) -> None:
    async def body() -> None:
        reading, writing = os.pipe()
        other = os.dup(writing)
        os.set_inheritable(other, True)
        script = (
            f"import os; os.write({writing}, b'passed'); print(os.getcwd(), flush=True)\n"
            f"try: os.write({other}, b'other')\nexcept OSError: print('closed')"
        )
        process = await start(sys.executable, "-I", "-S", "-c", script, cwd=tmp_path, passed=(writing,))
        assert await process.communicate(b"") == f"{tmp_path}\nclosed\n".encode()
        assert os.read(reading, 100) == b"passed"
        for descriptor in (reading, writing, other):
            os.close(descriptor)

    run(body())


def test_a_program_that_is_not_there_leaves_nothing_behind(run: Run) -> None:
    async def body() -> None:
        with pytest.raises(FileNotFoundError):
            await start("/no/such/program")

    run(body())


def test_uvloop_closes_a_pipe_itself_and_its_number_may_be_another_files_then() -> None:
    async def one() -> None:
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        pipe = _Pipe(os.fdopen(reading, "rb", buffering=0), loop)
        transport, _ = await loop.connect_read_pipe(asyncio.Protocol, pipe)
        transport.close()
        for _ in range(5):
            await asyncio.sleep(0)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(pipe.fileno())
        other = os.dup2(writing, pipe.fileno())
        pipe.close()
        os.fstat(other)
        os.close(other)
        os.close(writing)

    uvloop.run(one())
