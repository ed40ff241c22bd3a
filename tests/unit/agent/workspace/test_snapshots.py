"""Snapshots: a workspace becomes again what it was, whatever was done to it, and nothing is lost; within bounds."""

import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.workspace import file_copy, restoring, scanning
from agent.workspace.snapshots import SNAPSHOTS_MAX, SnapshotLost
from tests.faults.harness.lengths import length
from tests.unit.agent.workspace.snapshot_places import FAR, Place, fill
from tests.unit.agent.workspace.workspaces import GO, SECRET


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


DELETIONS = (
    "rm -rf -- * .[a-z]*",
    "> top.txt",
    "python3 -c \"from pathlib import Path; Path('top.txt').unlink()\"",
    "mv top.txt a/moved.txt",
    "rm -r a && echo file > a",
    "rm top.txt && mkdir top.txt && echo inside > top.txt/x",
    "rm link && ln -s /etc/passwd link",
    "rm pipe && echo no pipe > pipe",
    "chmod 600 tool.sh && chmod 500 empty",
    "chmod 0 top.txt",
    "printf new >> a/b/deep.txt; touch -d 2001-01-01 a/b/deep.txt",
    "cp -a . /tmp/nowhere 2>/dev/null; find . -type f -delete",
    "ln top.txt other && printf x >> other",
    "echo new > new.txt; mkdir -p new/new; echo new > new/new/new.txt",
    "git init -q . && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m x && git add . && git stash -q",
)


@pytest.mark.parametrize("command", DELETIONS)
def test_what_a_command_did_is_taken_back(command: str, place: Place) -> None:
    fill(place.root)
    before = place.tree()
    assert place.take(1).left_out == 0
    subprocess.run(["bash", "-c", command], cwd=place.root, check=False, capture_output=True)
    assert place.tree() != before
    after = place.tree()
    assert place.back(1).left == ()
    assert place.tree() == before
    place.store.take("restore-100", FAR, GO, keep="restore-99")
    assert place.store.restore("restore-99", "restore-100", GO).left == ()
    assert place.tree() == after, "taking back can itself be taken back"


NAMES = st.sampled_from(["a", "b", "a/a", "a/b", "a/a/a", "b/c"])
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["write", "append", "folder", "link", "pipe", "remove", "mode"]), NAMES, st.integers(0, 3)
    ),
    max_size=8,
)


def change(root: Path, what: str, name: str, number: int) -> None:
    path = root / name
    try:
        match what:
            case "write":
                path.write_text(f"text {number}")
            case "append":
                with path.open("r+") as file:
                    file.write(f"{number}")
            case "folder":
                path.mkdir()
            case "link":
                path.symlink_to(("a", "b", "../outside", "/etc")[number])
            case "pipe":
                os.mkfifo(path)
            case "remove":
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            case "mode" if not path.is_symlink():
                path.chmod((0o700, 0o755, 0o777, 0o750)[number])
    except OSError:
        pass  # there is no such file, or another


def writable(what: str, root: Path, name: str) -> bool:
    """Whether the change stays in the workspace and does not wait for the other end of a pipe."""
    path = root / name
    resolved = Path(os.path.realpath(path.parent))  # `Path.resolve` raises where a link leads to itself
    return resolved.is_relative_to(root.resolve()) and not (
        what in {"write", "append"} and (path.is_fifo() or path.is_symlink())
    )


@settings(max_examples=length(25, 60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES, CHANGES)
def test_any_changes_are_taken_back(tmp_path_factory: pytest.TempPathFactory, first: list, then: list) -> None:  # type: ignore[type-arg]
    place = Place(tmp_path_factory.mktemp("any"))
    for one in first:
        if writable(one[0], place.root, one[1]):
            change(place.root, *one)
    before = place.tree()
    place.take(1)
    for one in then:
        if writable(one[0], place.root, one[1]):
            change(place.root, *one)
    assert place.back(1).left == ()
    assert place.tree() == before


# ------------------------------------------------------------------------------------------------------ what it costs


def test_files_that_did_not_change_are_not_read_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "RACY_NS", 0)
    fill(place.root)
    place.take(1)
    copied: list[int] = []

    def count(source: int, target: int) -> bool:
        copied.append(source)
        return False

    monkeypatch.setattr(file_copy, "_clone", count)
    first = place.take(2)
    assert copied == []
    (place.root / "top.txt").write_text("changed")
    assert place.take(3).stored_bytes == first.stored_bytes + len("changed")
    assert len(copied) == 1


def test_a_file_that_changed_just_before_a_snapshot_is_read_again(place: Place) -> None:
    (place.root / "file").write_text("one")
    place.take(1)
    state = (place.root / "file").stat()
    (place.root / "file").write_text("two")
    os.utime(place.root / "file", ns=(state.st_atime_ns, state.st_mtime_ns))
    place.take(2)
    (place.root / "file").unlink()
    place.back(2)
    assert (place.root / "file").read_text() == "two"


def test_the_same_content_is_kept_once(place: Place) -> None:
    for number in range(5):
        (place.root / f"{number}").write_text("the same")
    assert place.take(1).stored_bytes == len("the same")


# --------------------------------------------------------------------------------------------------------- its bounds


def test_the_oldest_snapshots_are_dropped_with_their_contents(place: Place) -> None:
    for number in range(SNAPSHOTS_MAX + 3):
        (place.root / "file").write_text(f"{number:06d}")
        taken = place.take(number)
        assert taken.dropped == ((f"turn-{number - SNAPSHOTS_MAX}",) if number >= SNAPSHOTS_MAX else ())
        assert taken.stored_bytes == 6 * min(number + 1, SNAPSHOTS_MAX)
    with pytest.raises(SnapshotLost):
        place.back(0)
    place.back(5)
    assert (place.root / "file").read_text() == "000005"


def test_older_snapshots_make_room_and_then_files_are_left_out(place: Place) -> None:
    (place.root / "one").write_bytes(b"1" * 600)
    assert place.take(1, 1_000).left_out == 0
    (place.root / "one").write_bytes(b"2" * 600)
    taken = place.take(2, 1_000)
    assert (taken.dropped, taken.left_out, taken.stored_bytes) == (("turn-1",), 0, 600)
    (place.root / "two").write_bytes(b"3" * 600)
    taken = place.take(3, 1_000)
    assert (taken.dropped, taken.left_out, taken.stored_bytes) == (("turn-2",), 1, 600)


def test_what_was_not_saved_is_neither_removed_nor_replaced_and_named(place: Place) -> None:
    (place.root / "large").write_bytes(b"1" * 600)
    (place.root / "small").write_bytes(b"2" * 6)
    place.take(1, 100)
    (place.root / "small").unlink()
    (place.root / "large").write_bytes(b"3" * 700)
    restored = place.back(1)
    assert (restored.left, restored.restored) == ((b"large",), 1)
    assert (place.root / "large").read_bytes() == b"3" * 700
    (place.root / "later").write_bytes(b"4" * 700)
    place.store.take("restore-7", 100, GO, keep="turn-1")
    assert place.store.restore("turn-1", "restore-7", GO).left == (b"large", b"later")
    assert (place.root / "later").read_bytes() == b"4" * 700


def test_a_file_that_nobody_touched_needs_no_copy(place: Place) -> None:
    (place.root / "large").write_bytes(b"1" * 600)
    place.take(1, 100)
    assert place.back(1).left == ()


def test_what_came_after_the_question_is_kept(place: Place) -> None:
    place.take(1)
    place.store.take("restore-2", FAR, GO)
    (place.root / "uploaded").write_text("just now")
    restored = place.store.restore("turn-1", "restore-2", GO)
    assert restored.left == (b"uploaded",)
    assert (place.root / "uploaded").read_text() == "just now"


def test_names_past_the_bound_are_kept(tmp_path: Path) -> None:
    place = Place(tmp_path, files_max=3)
    for name in "abcde":
        (place.root / name).write_text(name)
    place.take(1)
    (place.root / "a").write_text("changed")
    place.back(1)
    assert {path.name for path in place.root.iterdir()} == set("abcde")
    assert (place.root / "a").read_text() == "a"


def test_a_missing_snapshot_is_said(place: Place) -> None:
    with pytest.raises(SnapshotLost):
        place.back(12)


# ------------------------------------------------------------------------------------------------- planted by commands


def test_links_are_not_followed_when_saving_or_restoring(place: Place) -> None:
    (place.root / "folder").symlink_to(place.outside)
    (place.root / "file").symlink_to(place.outside / "secret.txt")
    taken = place.take(1)
    assert (taken.files, taken.stored_bytes) == (0, 0)
    (place.root / "folder").unlink()
    (place.root / "folder").mkdir()
    (place.root / "folder" / "secret.txt").write_text("mine")
    place.take(2)
    for path in (place.root / "folder" / "secret.txt", place.root / "file"):
        path.unlink()
    (place.root / "folder").rmdir()
    (place.root / "folder").symlink_to(place.outside)
    assert place.back(2).left == ()
    assert (place.root / "folder" / "secret.txt").read_text() == "mine"
    assert (place.outside / "secret.txt").read_bytes() == SECRET


def test_a_link_that_appears_while_it_is_restored_is_not_followed(place: Place) -> None:
    (place.root / "folder").mkdir()
    (place.root / "folder" / "secret.txt").write_text("mine")
    place.take(1)
    (place.root / "folder" / "secret.txt").unlink()
    place.store.take("restore-2", FAR, GO)
    make = restoring._make_folder

    def swapped(folder: int, name: bytes) -> bool:
        made = make(folder, name)
        os.rmdir(name, dir_fd=folder)
        os.symlink(place.outside, name, dir_fd=folder)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring, "_make_folder", swapped)
        left = place.store.restore("turn-1", "restore-2", GO).left
    assert left == (b"folder", b"folder/secret.txt")
    assert (place.outside / "secret.txt").read_bytes() == SECRET


def test_a_pipe_and_a_socket_do_not_stop_it(place: Place) -> None:
    os.mkfifo(place.root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place.root / "s"))
        assert place.take(1).left_out == 1
        (place.root / "pipe").unlink()
        assert place.back(1).left == ()
    assert (place.root / "pipe").is_fifo()


def test_the_bits_that_change_the_user_are_not_restored(place: Place) -> None:
    (place.root / "tool").write_text("x")
    (place.root / "tool").chmod(0o6755)
    place.take(1)
    (place.root / "tool").unlink()
    place.back(1)
    assert stat.S_IMODE((place.root / "tool").stat().st_mode) == 0o755


def manifests(place: Place) -> list[int]:
    """The inodes of the manifests, oldest first."""
    return [path.stat().st_ino for path in sorted((place.folder / "snapshots" / "one").glob("*.manifest"))]


def test_where_nothing_has_changed_no_manifest_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "RACY_NS", 0)
    fill(place.root)
    before = place.tree()
    place.take(1)
    second = place.take(2)
    assert (second.kept, second.dropped) == (("turn-1", "turn-2"), ())
    first, second_inode = manifests(place)
    assert first == second_inode
    (place.root / "top.txt").write_text("changed")
    place.take(3)
    assert len(set(manifests(place))) == 2
    store = place.reopened()
    store.take("restore-99", FAR, GO, keep="turn-2")
    assert store.restore("turn-2", "restore-99", GO).left == ()
    assert place.tree() == before


def test_what_changed_shortly_before_is_written_down_again_so_that_it_is_not_read_for_ever(place: Place) -> None:
    fill(place.root)
    place.take(1)
    place.take(2)
    assert len(set(manifests(place))) == 2


def test_the_bound_on_snapshots_holds_where_nothing_changes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "RACY_NS", 0)
    fill(place.root)
    kept = [place.take(number).kept for number in range(SNAPSHOTS_MAX + 5)][-1]
    assert kept == tuple(f"turn-{number}" for number in range(5, SNAPSHOTS_MAX + 5))
    assert len(manifests(place)) == SNAPSHOTS_MAX
