"""Watchdog: kills what a server started, and nothing else, when the server's time is over and it does not stand down."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from server.journal.nodes.watchdog import PROGRAM
from server.journal.nodes.watchdog_program import Armed, descendants, read
from tests.support.polling import eventually


@pytest.mark.parametrize(
    ("pieces", "armed"),
    [
        ([], Armed()),
        ([b"12.5\n"], Armed(12.5)),
        ([b"12.5\n13.5\n"], Armed(13.5)),
        ([b"12.5\n0\n"], Armed()),
        ([b"12.5\n1", b"3.5"], Armed(12.5, b"13.5")),
        ([b"12.5\n1", b"3.5\n"], Armed(13.5)),
    ],
)
def test_the_last_whole_line_counts(pieces: list[bytes], armed: Armed) -> None:
    found = Armed()
    for piece in pieces:
        found = read(found, piece)
    assert found == armed


def test_descendants_are_children_and_theirs_without_the_watchdog_and_others() -> None:
    parents = {10: 1, 11: 10, 12: 11, 13: 10, 14: 13, 20: 1, 21: 20}
    assert descendants(10, parents, but=13) == {11, 12}
    assert descendants(1, {1: 1}, but=0) == {1}
    assert descendants(99, parents, but=0) == set()


@pytest.fixture
def server() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has started another, which prints its number."""
    code = "import os, subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_what_a_server_started_is_killed_when_its_time_is_over_and_it_goes_on(
    server: "subprocess.Popen[bytes]",
) -> None:
    assert server.stdout is not None
    child = int(server.stdout.readline())
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(server.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as watchdog:
        assert watchdog.stdin is not None
        os.write(watchdog.stdin.fileno(), b"%.6f\n0\n" % time.monotonic())
        assert runs(child)
        os.write(watchdog.stdin.fileno(), b"%.6f\n" % time.monotonic())
        await eventually(lambda: not runs(child))
        assert runs(server.pid)
        watchdog.stdin.close()
        assert watchdog.wait() == 0
