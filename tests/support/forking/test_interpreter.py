"""Interpreter: a fork in the place of one has its arguments, ends with its code or by its signal, and with its parent."""

import contextlib
import signal
import subprocess

import psutil
import pytest

from tests.support.forking import requests
from tests.support.forking.interpreter import python
from tests.support.polling import eventually

needs_forks = pytest.mark.skipif(requests.address is None, reason="this worker is no fork")


def ran(*arguments: str, text: str = "") -> tuple[int, str, str]:
    """Exit code, output and error output."""
    done = subprocess.run([*python(), *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@needs_forks
def test_it_has_imported_before_and_takes_arguments_and_a_module() -> None:
    program = "import sys; print(sys.argv, 'litellm' in sys.modules, __name__, input())"
    assert ran("-c", program, "--one", "2", text="a line") == (0, "['-c', '--one', '2'] True __main__ a line\n", "")
    assert ran("-m", "json.tool", "--compact", text='{ "a": 1 }') == (0, '{"a":1}\n', "")


@pytest.mark.parametrize(
    ("program", "code", "error"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('No.')", 1, "No.\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
    ],
)
def test_it_ends_as_an_interpreter_does(program: str, code: int, error: str) -> None:
    assert ran("-c", program) == (code, "", error)


def test_an_exception_is_told() -> None:
    code, out, error = ran("-c", "1 / 0")
    assert (code, out) == (1, "")
    assert error.startswith("Traceback (most recent call last):\n") and error.endswith(
        "ZeroDivisionError: division by zero\n"
    )


def runs(process_id: int) -> bool:
    """Whether a process does (a zombie does not)."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    return False


WAITS = """
import os, signal, sys, time
if sys.argv[1:] == ["handles"]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("arguments", "sent", "code"),
    [
        ([], signal.SIGTERM, -signal.SIGTERM),
        (["handles"], signal.SIGTERM, 3),
        ([], signal.SIGINT, -signal.SIGINT),
        ([], signal.SIGKILL, -signal.SIGKILL),
    ],
)
async def test_what_is_sent_to_it_gets_there_and_none_is_left(
    arguments: list[str], sent: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        [*python(), "-c", WAITS, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process_id = int(process.stdout.readline())
        process.send_signal(sent)
        process.communicate(timeout=30)
    assert process.returncode == code
    await eventually(lambda: not runs(process_id), "its end")
