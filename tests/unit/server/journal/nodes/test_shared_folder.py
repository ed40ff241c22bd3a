"""Shared folder: who sees the same one, and what is left of nodes that are gone."""

import os
from pathlib import Path

import pytest

from server.journal.base import Unavailable
from server.journal.nodes.shared_folder import FOLDER, FORGET_S, SharedFolder


def test_nodes_that_see_another_folder_are_missing(tmp_path: Path) -> None:
    folder = SharedFolder(tmp_path / "one")
    folder.announce(1)
    folder.announce(2**62)
    SharedFolder(tmp_path / "two").announce(3)
    assert folder.missing([1, 2**62, 3]) == [3]
    folder.withdraw(1)
    folder.withdraw(1)
    assert folder.missing([1]) == [1]


def test_old_files_of_lost_nodes_are_removed_and_no_other(tmp_path: Path) -> None:
    folder = SharedFolder(tmp_path)
    for number in (1, 2, 3, 4):
        folder.announce(number)
    for number in (2, 3):
        file = tmp_path / FOLDER / f"{number:016x}"
        os.utime(file, (0, file.stat().st_mtime - FORGET_S - 1))
    folder.forget(1, [2])
    assert folder.missing([1, 2, 3, 4]) == [3]  # 4 may be about to join


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file in its place")
    with pytest.raises(Unavailable, match=f"{tmp_path}/{FOLDER}: .*: check that its folder is there"):
        SharedFolder(tmp_path).announce(1)
