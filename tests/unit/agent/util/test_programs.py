"""Programs: run in a thread, within their time; a caller that is cancelled ends its program, and no descriptor stays open."""

import asyncio
import math
import os
import signal
import sys

import psutil
import pytest

from agent.util.executors import Executors, HolderExecutor
from agent.util.places import SERVER
from agent.util.programs import Program, run_program
from agent.util.tasks import TaskOwner
from tests.support.polling import eventually

FOR_EVER = "import signal; print('begun', flush=True); signal.pause()"


def threads() -> HolderExecutor:
    return Executors().search.of(SERVER)


def python(code: str, timeout_s: float = 60.0, until: float = math.inf, passed: tuple[int, ...] = ()) -> Program:
    command = (sys.executable, "-I", "-S", "-c", code)
    return Program(command=command, environ={}, timeout_s=timeout_s, until=until, data=b"in", passed=passed)


async def test_a_program_gets_its_input_and_gives_its_output_and_exit_code() -> None:
    code = "import sys; print(sys.stdin.read()); sys.stderr.write('err'); sys.exit(3)"
    result = await run_program(threads(), python(code))
    assert (result.code, result.late, result.output, result.errors) == (3, False, b"in\n", b"err")


async def test_a_program_stays_in_the_servers_session_where_its_nice_value_counts_and_leads_a_group_of_its_own() -> (
    None
):
    result = await run_program(threads(), python("import os; print(os.getsid(0), os.getpgid(0) == os.getpid())"))
    assert result.output == f"{os.getsid(0)} True\n".encode()


@pytest.mark.parametrize(("timeout_s", "until"), [(0.5, math.inf), (60.0, 0.0)])
async def test_a_program_that_is_late_is_killed_and_what_it_wrote_is_kept(timeout_s: float, until: float) -> None:
    result = await run_program(threads(), python(FOR_EVER, timeout_s, until))
    assert (result.code, result.late) == (-signal.SIGKILL, True)
    assert result.output in (b"begun\n", b"")


async def test_a_cancelled_caller_leaves_no_process_and_no_descriptor_behind(tasks: TaskOwner) -> None:
    reading, writing = os.pipe()
    before = set(psutil.Process().children())
    running = tasks.start(run_program(threads(), python(FOR_EVER, passed=(writing,))), "run")
    await eventually(lambda: set(psutil.Process().children()) - before)
    children = set(psutil.Process().children()) - before
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: not any(child.is_running() for child in children))
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(writing)
    os.close(reading)


async def test_a_program_that_is_never_started_leaves_no_descriptor_behind(tasks: TaskOwner) -> None:
    executors = Executors()
    give_back = [executors.html.places.take_now(SERVER) for _ in range(2)]
    reading, writing = os.pipe()
    running = tasks.start(run_program(executors.html.of(SERVER), python("", passed=(writing,))), "run")
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(writing)
    os.close(reading)
    for one in give_back:
        one()
