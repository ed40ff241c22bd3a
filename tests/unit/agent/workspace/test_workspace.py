"""Workspace: a write is complete or not there, and everything has a bound. Paths out of it are in test_escapes."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from agent.workspace.paths import WorkspaceError, unfinished_name
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from tests.support.constants import built_in
from tests.unit.agent.workspace.workspaces import GO, SECRET, contents


def test_written_content_is_read(workspace: Workspace) -> None:
    assert workspace.write("a/b/c.txt", b"hello", GO) is False
    assert workspace.read("a/b/c.txt").data == b"hello"
    assert workspace.write("a/b/c.txt", b"again", GO) is True
    assert workspace.read("./a//b/c.txt").data == b"again"


def test_the_folder_is_made_by_the_first_write_and_is_private(tmp_path: Path) -> None:
    fresh = Workspace(tmp_path / "deep" / "down" / "one", WorkspaceLimits())
    assert fresh.listing(".", True) == ([], False)
    with pytest.raises(WorkspaceError, match=r"there is no a\.txt"):
        fresh.read("a.txt")
    assert not fresh.root.exists()
    fresh.write("d/a.txt", b"", GO)
    assert stat.S_IMODE(fresh.root.stat().st_mode) == 0o700
    assert stat.S_IMODE((fresh.root / "d").stat().st_mode) == 0o700
    assert stat.S_IMODE((fresh.root / "d" / "a.txt").stat().st_mode) == 0o600


def test_a_write_keeps_the_mode_and_leaves_other_names_of_the_file_alone(workspace: Workspace) -> None:
    script = workspace.root / "run.sh"
    script.write_text("old")
    script.chmod(0o755)
    os.link(script, workspace.root / "other")
    workspace.write("run.sh", b"new", GO)
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    assert (workspace.root / "other").read_text() == "old"


def test_a_write_that_is_stopped_has_not_happened(workspace: Workspace) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(WorkspaceError, match="stopped"):
        workspace.write("mine.txt", b"other", stop)
    with pytest.raises(WorkspaceError, match="stopped"):
        workspace.write("new/way/a.txt", b"x", stop)
    assert contents(workspace.root) == {"mine.txt": b"mine"}
    assert not (workspace.root / "new").exists()


def test_a_write_that_is_stopped_at_the_last_moment_leaves_nothing(workspace: Workspace) -> None:
    class LastMoment(threading.Event):
        """Set from its second question on: the one before the rename."""

        checks = 0

        def is_set(self) -> bool:
            self.checks += 1
            return self.checks > 1

    with pytest.raises(WorkspaceError, match="stopped"):
        workspace.write("new/way/a.txt", b"x", LastMoment())
    assert os.listdir(workspace.root) == ["mine.txt"]


def test_readers_see_a_file_whole_while_it_is_replaced(workspace: Workspace) -> None:
    old, new = b"a" * 300_000, b"b" * 200_000
    workspace.write("big.txt", old, GO)

    def write() -> None:
        for turn in range(20):
            workspace.write("big.txt", old if turn % 2 else new, GO)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        assert workspace.read("big.txt").data in (old, new)
    writer.join()


def test_the_rest_of_a_killed_write_is_hidden_then_removed(workspace: Workspace) -> None:
    (workspace.root / "a").mkdir()
    left = workspace.root / "a" / unfinished_name("0123456789abcdef")
    left.write_bytes(b"half")
    entries, _ = workspace.listing(".", True)
    assert [entry.path for entry in entries] == ["a", "mine.txt"]
    workspace.write("b.txt", b"", GO)
    assert not left.exists()


def test_a_write_beyond_its_bound_is_refused(tmp_path: Path) -> None:
    small = Workspace(tmp_path / "one", WorkspaceLimits(**built_in("workspace", {"write_bytes_max": 4})))
    with pytest.raises(WorkspaceError, match="at most 4 in one write"):
        small.write("a.txt", b"12345", GO)
    small.write("a.txt", b"1234", GO)


def test_a_full_workspace_takes_no_more_bytes_but_lets_files_shrink(tmp_path: Path) -> None:
    small = Workspace(tmp_path / "one", WorkspaceLimits(total_bytes_max=10))
    small.write("a/a.txt", b"12345678", GO)
    with pytest.raises(WorkspaceError, match="its files hold 8 bytes, at most 10"):
        small.write("b/b.txt", b"123", GO)
    assert not (small.root / "b").exists()
    small.write("a/a.txt", b"1234567890", GO)
    with pytest.raises(WorkspaceError, match="full"):
        small.write("a/a.txt", b"12345678901", GO)
    (small.root / "other").write_bytes(b"x" * 50)
    small.write("a/a.txt", b"123", GO)
    assert small.read("a/a.txt").data == b"123"


def test_files_and_folders_are_counted(tmp_path: Path) -> None:
    small = Workspace(tmp_path / "one", WorkspaceLimits(files_max=3))
    small.write("a/b.txt", b"", GO)
    with pytest.raises(WorkspaceError, match="at most 3 files and folders"):
        small.write("c/d.txt", b"", GO)
    assert not (small.root / "c").exists()
    small.write("c.txt", b"", GO)
    with pytest.raises(WorkspaceError, match="at most 3"):
        small.write("d.txt", b"", GO)
    small.write("c.txt", b"more", GO)
    (small.root / "d.txt").touch()
    with pytest.raises(WorkspaceError, match="holds more than 3"):
        small.write("c.txt", b"", GO)


def test_a_large_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    small = Workspace(tmp_path / "one", WorkspaceLimits(**built_in("workspace", {"read_bytes_max": 4})))
    small.write("a.txt", b"123456", GO)
    start = small.read("a.txt")
    assert (start.data, start.size) == (b"1234", 6)


def test_a_listing_is_sorted_and_has_sizes(workspace: Workspace) -> None:
    for path in ("b/2.txt", "b/10.txt", "b/c/d.txt", "a.txt"):
        workspace.write(path, path.encode(), GO)
    entries, cut = workspace.listing(".", True)
    assert [(entry.path, entry.size) for entry in entries] == [
        ("a.txt", 5),
        ("b", 0),
        ("b/10.txt", 8),
        ("b/2.txt", 7),
        ("b/c", 0),
        ("b/c/d.txt", 9),
        ("mine.txt", 4),
    ]
    assert not cut
    entries, cut = workspace.listing("b", False)
    assert [entry.path for entry in entries] == ["b/10.txt", "b/2.txt", "b/c"]
    assert not cut


def test_a_long_listing_is_cut_with_a_note(tmp_path: Path) -> None:
    small = Workspace(tmp_path / "one", WorkspaceLimits(**built_in("workspace", {"listed_max": 3})))
    for name in "abc":
        small.write(name, b"", GO)
    assert [entry.path for entry in small.listing(".", False)[0]] == ["a", "b", "c"]
    assert small.listing(".", False)[1] is False
    small.write("d", b"", GO)
    entries, cut = small.listing(".", False)
    assert ([entry.path for entry in entries], cut) == (["a", "b", "c"], True)


def test_a_deep_tree_is_listed_as_far_as_a_path_may_reach(tmp_path: Path) -> None:
    small = Workspace(tmp_path / "one", WorkspaceLimits(**built_in("workspace", {"depth_max": 3})))
    small.write("a/b/c", b"", GO)
    assert small.listing(".", True)[1] is False
    (small.root / "x" / "y" / "z" / "deep").mkdir(parents=True)
    entries, cut = small.listing(".", True)
    assert [entry.path for entry in entries] == ["a", "a/b", "a/b/c", "x", "x/y", "x/y/z"]
    assert cut


def test_a_name_that_is_not_utf_8_is_listed(workspace: Workspace) -> None:
    (workspace.root / os.fsdecode(b"caf\xe9")).touch()
    entries, _ = workspace.listing(".", False)
    assert len(entries) == 2


@pytest.mark.parametrize("raw", [b"caf\xe9.txt", b"a\nb", b"\xff" * 255, "line\u2028end".encode(), b"\x7f"])
def test_a_name_of_any_bytes_is_listed_read_replaced_and_removed(workspace: Workspace, raw: bytes) -> None:
    file = os.path.join(os.fsencode(workspace.root), raw)
    Path(os.fsdecode(file)).write_bytes(b"old")
    (path,) = (entry.path for entry in workspace.listing(".", True)[0] if entry.path != "mine.txt")
    assert msgspec.json.decode(msgspec.json.encode(path)) == path
    assert workspace.read(path).data == b"old"
    assert workspace.write(path, b"new", GO)
    with workspace.open(path) as opened:
        assert opened.read() == b"new"
    workspace.remove(path)
    assert not os.path.lexists(file)


def test_what_is_below_a_folder_of_any_name_is_reached_by_its_listed_path(workspace: Workspace) -> None:
    folder = Path(os.fsdecode(os.path.join(os.fsencode(workspace.root), b"caf\xe9")))
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"x")
    assert workspace.read("caf\\xe9/a.txt").data == b"x"
    workspace.write("caf\\xe9/b.txt", b"y", GO)
    assert sorted(os.listdir(folder)) == ["a.txt", "b.txt"]


def test_a_name_that_has_an_escape_in_it_means_itself(workspace: Workspace) -> None:
    Path(os.fsdecode(os.path.join(os.fsencode(workspace.root), b"caf\xe9"))).write_bytes(b"byte")
    (workspace.root / "caf\\xe9").write_bytes(b"text")
    assert workspace.read("caf\\xe9").data == b"text"
    workspace.remove("caf\\xe9")
    assert workspace.read("caf\\xe9").data == b"byte"


def test_a_full_folder_is_not_removed_and_an_empty_one_is(workspace: Workspace) -> None:
    workspace.write("a/b.txt", b"x", GO)
    with pytest.raises(WorkspaceError, match="a is a folder with files in it; delete these first"):
        workspace.remove("a")
    workspace.remove("a/b.txt")
    workspace.remove("a")
    assert not (workspace.root / "a").exists()


def test_a_link_is_removed_and_not_what_it_leads_to(workspace: Workspace, outside: Path) -> None:
    (workspace.root / "link").symlink_to(outside / "secret.txt")
    workspace.remove("link")
    assert contents(outside) == {"secret.txt": SECRET}
    assert not os.path.lexists(workspace.root / "link")


def test_writes_at_the_same_time_do_not_pass_the_bound_together(tmp_path: Path) -> None:
    """Each of the eight fits alone, and three fit together."""
    one = Workspace(tmp_path / "one", WorkspaceLimits(total_bytes_max=3_000))
    began = threading.Barrier(8)

    def write(number: int) -> bool:
        began.wait()
        with suppress(WorkspaceError):
            return not Workspace(one.root, one.limits).write(f"{number}.bin", bytes(1_000), GO)
        return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(write, range(8))) == 3
    with pytest.raises(WorkspaceError, match="the workspace is full"):
        one.write("more.bin", bytes(1_000), GO)
