"""Limits of a command: processes, memory, time, disk. It is ended or gets no more, and the next command runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.util.tasks import TaskOwner
from agent.workspace.files import ExitStatus, SandboxError
from tests.unit.agent.sandbox.commands import OpenSandbox, open_sandbox

MIB = 1_048_576


async def goes_on(inside: OpenSandbox) -> None:
    """The next command runs as if nothing had been."""
    assert await inside.output("echo well") == "well\n"


@pytest.mark.parametrize(
    "bomb",
    [
        ":(){ :|:& };:; wait; sleep 60",
        "bomb() { bomb & bomb & sleep 60; }; bomb; sleep 60",
        "f() { (setsid sleep 60 &); f; }; f 2>/dev/null; sleep 60",
    ],
)
async def test_a_fork_bomb_is_contained_and_the_server_goes_on(tmp_path: Path, bomb: str) -> None:
    async with open_sandbox(tmp_path, processes_max=64) as inside:
        most = 0

        async def look() -> None:
            nonlocal most
            while True:
                await asyncio.sleep(0.05)
                most = max(most, sum(one.name.isdigit() for one in Path("/proc").iterdir()))

        at_first = sum(one.name.isdigit() for one in Path("/proc").iterdir())
        tasks = TaskOwner("test")
        tasks.start(look(), "look")
        ended, _ = await inside.run(bomb, 2.0)
        await tasks.aclose()
        assert ended.stopped or ended.code
        assert most < at_first + 64 + 200  # what else the machine begins meanwhile
        await goes_on(inside)


async def test_threads_are_counted_as_processes_are(tmp_path: Path) -> None:
    if not Path("/usr/bin/python3").exists():
        pytest.skip("the system has no Python to begin threads with")
    threads = "import threading, time\nfor n in range(200): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    async with open_sandbox(tmp_path, processes_max=32) as inside:
        ended, _ = await inside.run(f"/usr/bin/python3 -c '{threads}' || exit 9", 10.0)
        assert ended.stopped or ended.code == 9


async def test_a_process_gets_no_more_memory_than_it_may_have(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, memory_bytes=64 * MIB) as inside:
        ended, output = await inside.run("dd if=/dev/zero of=/dev/null bs=200M count=1")
        assert ended.code and "memory exhausted" in output
        await goes_on(inside)


async def test_processes_together_take_no_more_memory_than_they_may(tmp_path: Path) -> None:
    hog = "(head -c 40000000 /dev/zero; sleep 60) | tail -c 40000000 > /dev/null &"
    async with open_sandbox(tmp_path, memory_bytes=64 * MIB) as inside:
        ended, _ = await inside.run(f"{hog} {hog} {hog} sleep 60")
        assert ended == ExitStatus(137, f"its processes took more than {64 * MIB} bytes of memory")
        await goes_on(inside)


async def test_a_process_that_computes_without_end_is_ended(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, cpu_s=1) as inside:
        ended, _ = await inside.run("while :; do :; done")
        assert ended.code in (137, 152)


async def test_a_file_becomes_no_longer_than_it_may(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, file_bytes_max=MIB) as inside:
        ended, _ = await inside.run("head -c 2000000 /dev/zero > big")
        assert ended.code and (inside.root / "big").stat().st_size == MIB
        ended, _ = await inside.run("truncate -s 1T sparse")
        assert ended.code


async def test_a_process_opens_no_more_files_than_it_may(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, open_files_max=32) as inside:
        ended, output = await inside.run("for n in $(seq 50); do exec {fd}</dev/null || exit 9; done")
        assert ended.code == 9 and "Too many open files" in output


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
async def test_memory_is_bounded(tmp_path: Path, folder: str) -> None:
    async with open_sandbox(tmp_path, tmp_bytes=MIB) as inside:
        ended, output = await inside.run(f"head -c 2000000 /dev/zero > {folder}/big")
        assert ended.code and "No space left" in output


async def test_files_without_a_byte_do_not_fill_the_memory_either(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, {"files_max": 50}) as inside:
        ended, _ = await inside.run("for n in $(seq 100); do : > /tmp/$n; done; sleep 60")
        assert ended.stopped == "it made more than 50 files in /tmp"


FILLS: dict[str, tuple[str, dict[str, int], str]] = {
    "large files": (
        "for n in 1 2 3; do head -c 500000 /dev/zero > $n; done",
        {"total_bytes_max": MIB},
        "is full: its files",
    ),
    "a file made of a hole": ("truncate -s 2M hole", {"total_bytes_max": MIB}, "is full: its files"),
    "room beyond a file's end": (": > room; fallocate -n -l 2M room", {"total_bytes_max": MIB}, "is full: its files"),
    "many files": ("for n in $(seq 60); do : > $n; done", {"files_max": 50}, "more than 50 files"),
    "many links": ("for n in $(seq 60); do ln -s x $n; done", {"files_max": 50}, "more than 50 files"),
    "files that are hidden": (
        "mkdir d; head -c 2000000 /dev/zero > d/big; chmod 0 d",
        {"total_bytes_max": MIB},
        "is full: its files",
    ),
    "folders that are deep": (
        "for n in $(seq 20); do mkdir d; cd d; done",
        {"depth_max": 4},
        "folders more than 8 deep",
    ),
}


@pytest.mark.parametrize("name", FILLS)
@pytest.mark.parametrize("then", ["; sleep 60", ""], ids=["runs on", "ends"])
async def test_a_command_fills_no_more_than_its_workspace(tmp_path: Path, name: str, then: str) -> None:
    command, limits, why = FILLS[name]
    async with open_sandbox(tmp_path, limits) as inside:
        ended, _ = await inside.run(command + then)
        assert why in ended.stopped


async def test_in_a_full_workspace_a_command_may_make_room_but_take_none(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, {"total_bytes_max": MIB}) as inside:
        await inside.run("head -c 2000000 /dev/zero > big")
        with pytest.raises(SandboxError, match="full"):
            await inside.sandbox.write("a.txt", b"x" * 10_000)
        assert "full" in (await inside.run("head -c 20000 /dev/zero > more"))[0].stopped
        assert await inside.run("rm big more") == (ExitStatus(0), "")
        assert not await inside.sandbox.write("a.txt", b"x" * 10_000)


async def test_a_workspace_far_beyond_its_bound_lets_no_command_in(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, {"files_max": 10}) as inside:
        await inside.run("for n in $(seq 200); do : > $n; done")
        with pytest.raises(SandboxError, match="8 times"):
            await inside.run("rm *")


async def test_a_command_does_not_take_the_disks_last_room(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, disk_free_bytes_min=2**44) as inside:
        assert (await inside.run("sleep 60"))[0].stopped == "the disk is nearly full"


async def test_more_commands_than_may_run_at_once_wait_for_their_turn(tmp_path: Path) -> None:
    lone = "test ! -e here || exit 9; touch here; sleep 0.1; rm here"
    async with open_sandbox(tmp_path, commands_max=1) as inside:
        assert await asyncio.gather(*(inside.run(lone) for _ in range(4))) == [(ExitStatus(0), "")] * 4


async def test_a_sandbox_that_does_not_start_is_reported_without_machine_paths(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> list[str]:
        return ["--bind", "/nowhere/of/the/server", "/x"]

    monkeypatch.setattr("agent.sandbox.local.bubblewrap.build", broken)
    async with open_sandbox(tmp_path) as inside:
        with pytest.raises(SandboxError, match="did not start") as refused:
            await inside.run("echo")
    assert "/nowhere" not in str(refused.value)
    assert "/nowhere/of/the/server" in caplog.text


LOWERED = "until grep -q 'nice 10' /proc/self/autogroup; do sleep 0.02; done; echo lowered"


async def test_every_session_that_a_command_begins_gets_the_low_priority(tmp_path: Path) -> None:
    own = Path("/proc/self/autogroup")
    if not own.exists() or not own.read_text().strip():
        pytest.skip("the kernel has no groups of sessions")
    before = own.read_text()
    async with open_sandbox(tmp_path) as inside:
        assert await inside.output(LOWERED) == "lowered\n"
        assert await inside.output(f'setsid -w sh -c "{LOWERED}"; setsid -w sh -c "{LOWERED}"') == "lowered\n" * 2
    assert own.read_text() == before, "the server's own is not changed"
