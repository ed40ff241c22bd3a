"""Sandbox contract: commands and files, in every kind of sandbox."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from agent.sandbox.settings import SandboxSettings
from agent.util.tasks import TaskOwner
from agent.workspace.files import Entry, ExitStatus, FileStart, Sandbox, SandboxError, SearchMatch, SearchRequest
from tests.contract.sandboxes import BACKENDS
from tests.faults.harness.lengths import LONG
from tests.support.constants import built_in
from tests.support.polling import eventually

LONG_S = 60.0


class Output:
    """The output of a command, and whether something of it has come."""

    def __init__(self) -> None:
        self.data = b""
        self.changed = asyncio.Event()

    async def __call__(self, piece: bytes) -> None:
        self.data += piece
        self.changed.set()

    async def until(self, text: bytes) -> None:
        """Until the output holds this."""
        async with asyncio.timeout(20):
            while text not in self.data:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture(
    params=sorted(BACKENDS if LONG else BACKENDS.keys() - {"space"})
)  # a Space runs the program that a Job runs
async def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with BACKENDS[request.param](
        tmp_path, SandboxSettings(**built_in("sandbox", {"search_timeout_s": 5.0}))
    ) as opened:
        yield opened


async def run(sandbox: Sandbox, command: str, timeout_s: float = LONG_S) -> tuple[ExitStatus, str]:
    """Run a command to its end; its output, as text."""
    output = Output()
    ended = await sandbox.exec(command, output, timeout_s)
    return ended, output.data.decode()


# ----------------------------------------------------------------------------------------------------------- commands


async def test_a_command_has_its_exit_code_and_its_output_in_order(sandbox: Sandbox) -> None:
    assert await run(sandbox, "echo one; echo two >&2; echo three; exit 7") == (ExitStatus(7), "one\ntwo\nthree\n")


async def test_a_command_is_bash_and_has_no_input(sandbox: Sandbox) -> None:
    assert await run(sandbox, "words=(a b); echo ${words[1]}; cat; echo $?") == (ExitStatus(0), "b\n0\n")


async def test_a_command_ended_by_a_signal_has_a_shells_exit_code(sandbox: Sandbox) -> None:
    assert (await run(sandbox, "kill -TERM $$"))[0] == ExitStatus(143)


async def test_output_is_delivered_while_the_command_runs(sandbox: Sandbox, tasks: TaskOwner) -> None:
    output = Output()
    running = tasks.start(sandbox.exec("echo begun; sleep 60", output, LONG_S), "command")
    await output.until(b"begun\n")
    assert not running.done()


async def test_a_command_works_in_the_workspace_and_its_files_stay(sandbox: Sandbox) -> None:
    await sandbox.write("notes/a.txt", b"one\n")
    assert await run(sandbox, "cat notes/a.txt; echo two > b.txt") == (ExitStatus(0), "one\n")
    assert await sandbox.read("b.txt") == FileStart(b"two\n", 4)
    assert await run(sandbox, "cat b.txt") == (ExitStatus(0), "two\n")


async def test_a_command_out_of_time_is_killed_even_if_it_ignores_signals(sandbox: Sandbox) -> None:
    ended, output = await run(sandbox, "trap '' TERM INT HUP; echo begun; while :; do sleep 1; done", 1.0)
    assert (ended.stopped, output) == ("not done within 1 s", "begun\n")
    assert ended.code != 0


BEAT = "while :; do date +%s%N > {0}; sleep 0.02; done"
FAMILIES = {
    "child": BEAT,
    "group": f"setsid sh -c '{BEAT}'",
    "orphan": f"(setsid sh -c '({BEAT}) &' &)",
    "ignores": f"(trap '' TERM INT HUP; {BEAT})",
}
ALL = (
    " & ".join(family.format(name) for name, family in FAMILIES.items())
    + " & until test -s child -a -s group -a -s orphan -a -s ignores; do sleep 0.05; done"
)


async def beating(sandbox: Sandbox, *names: str) -> list[str]:
    """The files to which something still writes."""
    before = [await sandbox.read(name) for name in names]
    await asyncio.sleep(0.3)
    return [name for name, content in zip(names, before, strict=True) if await sandbox.read(name) != content]


async def test_a_command_out_of_time_is_ended_with_all_its_children(sandbox: Sandbox) -> None:
    ended, _ = await run(sandbox, f"{FAMILIES['orphan'].format('beat')}; sleep 60", 1.5)
    assert ended.stopped
    assert not await beating(sandbox, "beat")


async def test_a_cancelled_command_is_ended_with_all_its_children(sandbox: Sandbox, tasks: TaskOwner) -> None:
    output = Output()
    running = tasks.start(sandbox.exec(f"{ALL}; echo begun; sleep 60", output, LONG_S), "command")
    await output.until(b"begun")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await beating(sandbox, *FAMILIES) == []


async def test_background_processes_end_with_their_command(sandbox: Sandbox) -> None:
    assert (await run(sandbox, ALL))[0] == ExitStatus(0)
    assert await beating(sandbox, *FAMILIES) == []


async def test_a_command_waits_while_its_output_is_not_read(sandbox: Sandbox, tasks: TaskOwner) -> None:
    hold, taken = asyncio.Event(), 0

    async def slowly(piece: bytes) -> None:
        nonlocal taken
        taken += len(piece)
        await hold.wait()

    running = tasks.start(sandbox.exec("head -c 30000000 /dev/zero; echo > ready", slowly, LONG_S), "command")
    await eventually(lambda: taken)
    await asyncio.sleep(0.3)
    assert taken < 10_000_000
    assert (await sandbox.list(".", False))[0] == []
    hold.set()
    assert await running == ExitStatus(0)
    assert taken == 30_000_000


async def test_commands_run_concurrently(sandbox: Sandbox) -> None:
    both = ("touch a; until test -e b; do sleep 0.02; done", "touch b; until test -e a; do sleep 0.02; done")
    assert await asyncio.gather(*(run(sandbox, command) for command in both)) == [(ExitStatus(0), "")] * 2


async def test_no_variable_of_the_server_is_in_a_commands_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-server")
    ended, output = await run(sandbox, "env")
    assert ended == ExitStatus(0)
    assert "sk-of-the-server" not in output and "HOME=" in output


async def test_a_command_with_a_nul_byte_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="NUL"):
        await run(sandbox, "echo \0")


# -------------------------------------------------------------------------------------------------------------- files


async def test_a_write_reports_whether_it_replaced_a_file(sandbox: Sandbox) -> None:
    assert not await sandbox.write("a/b.bin", b"\0\xff")
    assert await sandbox.write("a/b.bin", b"new")
    assert await sandbox.read("a/b.bin") == FileStart(b"new", 3)


async def test_a_folder_is_listed_with_its_contents(sandbox: Sandbox) -> None:
    assert await sandbox.list(".", True) == ([], False)
    await sandbox.write("b/c.txt", b"12")
    await sandbox.write("a.txt", b"1")
    await _lists(sandbox, ".", False, Entry("a.txt", "file", 1), Entry("b", "folder", 0))
    below = Entry("b/c.txt", "file", 2)
    await _lists(sandbox, ".", True, Entry("a.txt", "file", 1), Entry("b", "folder", 0), below)
    await _lists(sandbox, "b", False, below)


async def _lists(sandbox: Sandbox, path: str, recursive: bool, *entries: Entry) -> None:
    """Whether it lists these and no more, whenever they were changed."""
    listed, more = await sandbox.list(path, recursive)
    assert ([msgspec.structs.replace(one, modified=0) for one in listed], more) == ([*entries], False)
    assert all(one.modified == 0 or abs(one.modified - time.time()) < 600 for one in listed)


async def test_no_path_leads_out_of_the_workspace(sandbox: Sandbox) -> None:
    for path in ("../x", "/etc/passwd", "a/../../x"):
        with pytest.raises(SandboxError):
            await sandbox.read(path)
        with pytest.raises(SandboxError):
            await sandbox.write(path, b"x")
        with pytest.raises(SandboxError):
            await sandbox.list(path, False)


async def test_a_missing_file_is_reported_as_missing(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"a\.txt"):
        await sandbox.read("a.txt")


async def test_links_made_by_a_command_are_not_followed(sandbox: Sandbox) -> None:
    await run(sandbox, "ln -s /etc/passwd file; ln -s /etc folder; ln -s .. up")
    for path in ("file", "folder/passwd", "up/x"):
        with pytest.raises(SandboxError):
            await sandbox.read(path)
        with pytest.raises(SandboxError):
            await sandbox.write(path, b"x")
    assert (await sandbox.search(SearchRequest(pattern="root"))).matches == ()


async def test_a_search_finds_lines_by_expression_text_and_name(sandbox: Sandbox) -> None:
    await sandbox.write("src/a.py", b"import os\n# a.b\n")
    await sandbox.write("src/b.txt", "Import\naxb grüße\n".encode())
    await sandbox.write("c.bin", b"import\0")
    assert (await sandbox.search(SearchRequest(pattern=r"^im\w+"))).matches == (
        SearchMatch("src/a.py", 1, "import os"),
    )
    assert [
        found.path for found in (await sandbox.search(SearchRequest(pattern="import", ignore_case=True))).matches
    ] == [
        "src/a.py",
        "src/b.txt",
    ]
    assert [found.text for found in (await sandbox.search(SearchRequest(pattern="a.b"))).matches] == [
        "# a.b",
        "axb grüße",
    ]
    fixed = await sandbox.search(SearchRequest(pattern="a.b", fixed=True))
    assert (fixed.matches, fixed.more) == ((SearchMatch("src/a.py", 2, "# a.b"),), "")
    assert (await sandbox.search(SearchRequest(pattern="i", path="src", glob="*.txt", ignore_case=True))).matches == (
        SearchMatch("src/b.txt", 1, "Import"),
    )
    assert (await sandbox.search(SearchRequest(pattern="a.b", path="src/b.txt"))).matches == (
        SearchMatch("src/b.txt", 2, "axb grüße"),
    )
    with pytest.raises(SandboxError):
        await sandbox.search(SearchRequest(pattern="x", path="nowhere"))


async def test_a_pattern_that_never_ends_is_stopped(tmp_path: Path) -> None:
    for opening in BACKENDS.values():
        async with opening(tmp_path, SandboxSettings(**built_in("sandbox", {"search_timeout_s": 1.0}))) as sandbox:
            await sandbox.write("a.txt", b"found\n")
            await sandbox.write("b.txt", b"a" * 60 + b"!\n")
            found = await sandbox.search(SearchRequest(pattern="(a+)+$|found"))
            assert found.matches == (SearchMatch("a.txt", 1, "found"),)
            assert "not done in time" in found.more


# ---------------------------------------------------------------------------------------------------------------- end


async def test_a_closed_sandbox_closes_again_and_runs_nothing(sandbox: Sandbox) -> None:
    await sandbox.close()
    await sandbox.close()
    with pytest.raises(SandboxError, match="closed"):
        await run(sandbox, "echo")
