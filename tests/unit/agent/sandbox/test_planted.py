"""Planted files: links, pipes, unusual modes and swapped names in a workspace do not harm the server."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.sandbox.local.cleanup import remove_folder
from agent.tools import WorkspaceError
from agent.util.tasks import TaskOwner
from agent.workspace.files import SandboxError, SearchRequest
from tests.faults.harness.lengths import length
from tests.support.polling import eventually
from tests.unit.agent.sandbox.commands import OpenSandbox, open_sandbox

SECRET = b"of the server"


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[OpenSandbox]:
    (tmp_path / "secret").write_bytes(SECRET)
    async with open_sandbox(tmp_path) as opened:
        yield opened
    assert (tmp_path / "secret").read_bytes() == SECRET
    assert sorted(os.listdir(tmp_path)) == ["secret", "workspaces"]


async def test_links_to_the_servers_files_are_neither_read_nor_written_through(
    inside: OpenSandbox, tmp_path: Path
) -> None:
    await inside.output(
        f"ln -s {tmp_path}/secret file; ln -s {tmp_path} folder; ln -s /proc/self/root root; ln -s ../.. up"
    )
    for path in ("file", "folder/secret", "root/etc/passwd", "up/secret"):
        with pytest.raises(SandboxError, match="link"):
            await inside.sandbox.read(path)
        with pytest.raises(SandboxError, match="link"):
            await inside.sandbox.write(path, b"x")
        with pytest.raises(WorkspaceError, match="link"):
            inside.workspace.open(path)


async def test_no_file_outside_gets_a_second_name_inside(inside: OpenSandbox) -> None:
    for path in ("/etc/passwd", "/usr/bin/env", "/etc/ld.so.cache"):
        ended, output = await inside.run(f"ln {path} here")
        assert ended.code and "here" in output
    assert os.listdir(inside.root) == []


async def test_a_write_to_one_name_of_a_file_leaves_its_other_names_alone(inside: OpenSandbox) -> None:
    await inside.output("echo one > a; ln a b")
    await inside.sandbox.write("a", b"two\n")
    assert await inside.output("cat a b") == "two\none\n"


async def test_pipes_and_sockets_are_refused_without_waiting(inside: OpenSandbox) -> None:
    await inside.output("mkfifo pipe")
    with pytest.raises(SandboxError, match="pipe"):
        await inside.sandbox.read("pipe")
    with pytest.raises(SandboxError, match="pipe"):
        await inside.sandbox.write("pipe", b"x")


async def test_a_folder_swapped_for_a_link_while_the_server_writes_leads_nowhere(
    inside: OpenSandbox, tmp_path: Path
) -> None:
    outside = tmp_path / "workspaces" / "outside"
    outside.mkdir(parents=True)
    outside.chmod(0o777)
    swap = (
        f"while :; do rm -rf way; mkdir way; rm -rf way; ln -s {outside} way; touch begun; rm -f way; done 2>/dev/null"
    )
    tasks = TaskOwner("test")
    tasks.start(inside.run(swap), "swap")
    await eventually((inside.root / "begun").exists)
    written = refused = 0
    while min(written, refused) < length(5, 20):
        try:
            await inside.sandbox.write(f"way/deep/{written}.txt", b"x")
            written += 1
        except SandboxError:
            refused += 1
    await tasks.aclose()
    assert os.listdir(outside) == []
    outside.rmdir()


async def test_a_file_keeps_no_right_beyond_those_of_its_users(inside: OpenSandbox) -> None:
    await inside.output("echo > tool; chmod 6755 tool")
    await inside.sandbox.write("tool", b"new")
    assert stat.S_IMODE((inside.root / "tool").stat().st_mode) == 0o755


async def test_files_of_the_server_can_be_changed_by_commands(inside: OpenSandbox) -> None:
    await inside.sandbox.write("a/b.txt", b"one\n")
    await inside.output("echo two >> a/b.txt; echo > a/c.txt; mv a/b.txt d.txt; rm -r a")
    assert (await inside.sandbox.read("d.txt")).data == b"one\ntwo\n"


async def test_files_from_before_the_first_command_are_its_own(inside: OpenSandbox) -> None:
    await inside.sandbox.write("a/b.txt", b"one\n")
    assert await inside.output("mv a/b.txt a/c.txt; rm -r a; ls") == ""


async def test_a_folder_with_the_name_of_an_unfinished_file_stops_no_write(inside: OpenSandbox) -> None:
    await inside.output("mkdir -p .holdfast-0123456789abcdef.part/x")
    assert not await inside.sandbox.write("a.txt", b"x")


async def test_whatever_a_command_left_a_workspace_can_be_taken_away(inside: OpenSandbox) -> None:
    await inside.run(
        "mkdir -p locked/in && echo > locked/in/file && chmod 0 locked/in locked; ln -s /etc link; mkfifo pipe; "
        "for n in $(seq 1500); do mkdir d && cd d || exit 1; done; chmod 0 . ; true"
    )
    assert remove_folder(inside.root)
    assert not inside.root.exists()
    assert remove_folder(inside.root)


async def test_a_search_begins_in_a_folder_whose_name_is_not_utf_8(inside: OpenSandbox) -> None:
    await inside.output(
        r"mkdir -p $'a\xff/b\xfe'; echo found > $'a\xff/b\xfe/c'; mkdir 'x\xff'; echo plain > 'x\xff/d'"
    )
    for path, text in (
        (r"a\xff", "found"),
        (r"a\xff/b\xfe", "found"),
        (r"a\xff/b\xfe/c", "found"),
        (r"x\xff", "plain"),
    ):
        found = await inside.sandbox.search(SearchRequest(pattern=".", path=path))
        assert [match.text for match in found.matches] == [text]
        assert found.matches[0].path.startswith(path)
    with pytest.raises(SandboxError, match="nothing of that name"):
        await inside.sandbox.search(SearchRequest(pattern=".", path=r"a\xfe"))
