"""Mark file: what it keeps and when it is not used."""

import shutil
from pathlib import Path

import pytest

from server.journal.base import Unavailable
from server.journal.mark import Mark, MarkFile, read_mark

MARK = Mark(
    "0123456789abcdef", "fedcba9876543210", "5d2a5a2e-0000-4000-8000-000000000000", clean=False, changes=7, locked_at=1
)


def test_a_mark_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.mark"
    MarkFile(path, MARK).close(clean=False)
    assert read_mark(path) == MARK
    assert path.stat().st_size == 136
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_commit_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.mark"
    file = MarkFile(path, MARK)
    file.appended(3, 99)
    assert read_mark(path) == MARK._replace(last_session=3, last_seq=99)
    file.changed(8)
    found = read_mark(path)
    assert found is not None
    assert (found.changes, found.last_session) == (8, 0)
    file.appended(4, 2**40)
    file.close(clean=True)
    assert read_mark(path) == MARK._replace(clean=True, changes=8, last_session=4, last_seq=2**40)


def test_a_missing_mark_is_none(tmp_path: Path) -> None:
    assert read_mark(tmp_path / "journal.mark") is None


@pytest.mark.parametrize("at", [0, 7, 8, 24, 40, 80, 88, 96, 103, 104])
def test_a_mark_with_a_wrong_byte_is_not_valid(tmp_path: Path, at: int) -> None:
    path = tmp_path / "journal.mark"
    MarkFile(path, MARK).close(clean=False)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert read_mark(path) is None


@pytest.mark.parametrize("length", [0, 1, 104, 135, 137])
def test_a_mark_of_another_length_is_not_valid(tmp_path: Path, length: int) -> None:
    path = tmp_path / "journal.mark"
    MarkFile(path, MARK).close(clean=False)
    path.write_bytes((path.read_bytes() + b"\0")[:length])
    assert read_mark(path) is None


def test_a_copy_of_a_mark_is_not_valid(tmp_path: Path) -> None:
    MarkFile(tmp_path / "journal.mark", MARK).close(clean=True)
    shutil.copy(tmp_path / "journal.mark", tmp_path / "copy")
    assert read_mark(tmp_path / "copy") is None


def test_a_longer_file_in_its_place_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal.mark"
    path.write_bytes(b"x" * 5000)
    MarkFile(path, MARK).close(clean=False)
    assert read_mark(path) == MARK


def test_a_mark_that_cannot_be_written_or_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "journal.mark").mkdir()
    with pytest.raises(Unavailable, match=r"journal\.mark"):
        MarkFile(tmp_path / "journal.mark", MARK)
    with pytest.raises(Unavailable, match=r"journal\.mark"):
        read_mark(tmp_path / "journal.mark")
