"""Tree copy: whatever commands have put into a folder, the copy ends, follows no link and has every file that can be read."""

import os
import socket
import stat
from pathlib import Path

import pytest

from agent.workspace import tree_copy
from agent.workspace.dirfd import FOLDER, closing
from agent.workspace.tree_copy import Copied, copy_tree
from tests.unit.agent.workspace.workspaces import SECRET, contents


def copy(source: Path, target: Path) -> Copied:
    copied = Copied()
    with closing(os.open(source, FOLDER)) as read, closing(os.open(target, FOLDER)) as written:
        copy_tree(read, written, "", copied)
    return copied


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def test_files_and_folders_are_copied_with_their_modes_and_times(source: Path, target: Path) -> None:
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "run.sh").write_bytes(b"x" * 3_000_000)
    (source / "a" / "run.sh").chmod(0o754)
    os.utime(source / "a" / "run.sh", ns=(1, 2_000_000_000))
    assert copy(source, target).size == 3_000_000
    assert contents(target) == contents(source)
    state = (target / "a" / "run.sh").stat()
    assert (stat.S_IMODE(state.st_mode), state.st_mtime_ns) == (0o754, 2_000_000_000)
    assert (target / "a" / "b").is_dir()


def test_pipes_and_sockets_are_skipped_without_waiting(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(source / "pipe")
    (source / "kept.txt").write_bytes(b"kept")
    (source / ".holdfast-0123456789abcdef.part").write_bytes(b"half")
    monkeypatch.chdir(source)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        copied = copy(source, target)
    assert os.listdir(target) == ["kept.txt"]
    assert (copied.size, copied.left_out_count) == (4, 0)


def test_a_link_is_copied_and_not_followed(source: Path, target: Path, outside: Path) -> None:
    (source / "folder").symlink_to(outside, target_is_directory=True)
    (source / "file").symlink_to(outside / "secret.txt")
    copy(source, target)
    assert (target / "folder").is_symlink()
    assert os.readlink(target / "file") == str(outside / "secret.txt")
    assert contents(outside) == {"secret.txt": SECRET}


def test_names_that_are_not_utf_8_are_copied(source: Path, target: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n")
    (source / name).write_bytes(b"x")
    copy(source, target)
    assert os.listdir(target) == [name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_left_out_and_named(source: Path, target: Path) -> None:
    (source / "kept.txt").write_bytes(b"kept")
    (source / "closed\nfolder").mkdir()
    (source / "closed\nfolder").chmod(0)
    (source / "closed.txt").write_bytes(b"x")
    (source / "closed.txt").chmod(0)
    copied = copy(source, target)
    (source / "closed\nfolder").chmod(0o700)
    assert os.listdir(target) == ["kept.txt"]
    assert copied.left_out == ["closed\\x0afolder: Permission denied", "closed.txt: Permission denied"]


def test_a_path_longer_than_the_system_takes_is_copied(source: Path, target: Path) -> None:
    with closing(os.open(source, FOLDER)) as root:
        fd = os.dup(root)
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=fd)
            inner = os.open("d" * 250, FOLDER, dir_fd=fd)
            os.close(fd)
            fd = inner
        with open(os.open("deep.txt", os.O_WRONLY | os.O_CREAT, dir_fd=fd), "wb") as file:
            file.write(b"deep")
        os.close(fd)
    assert copy(source, target).size == 4


def test_folders_below_the_bound_on_depth_are_left_out(source: Path, target: Path) -> None:
    (source / "a" / "b").mkdir(parents=True)
    copied = Copied()
    with closing(os.open(source, FOLDER)) as read, closing(os.open(target, FOLDER)) as written:
        copy_tree(read, written, "", copied, 1)
    assert copied.left_out == ["a: it lies too deep"]


def test_the_list_of_what_was_left_out_is_bounded() -> None:
    copied = Copied()
    for number in range(100):
        copied.leave_out(str(number), "why")
    assert (len(copied.left_out), copied.left_out_count) == (tree_copy.LEFT_OUT_MAX, 100)
