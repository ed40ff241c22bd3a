"""Files as text: lines, pieces that fit, and what is not text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.workspace.files import FileStart
from agent.workspace.paths import WorkspaceError
from agent.workspace.text_view import TextView, view


def seen(data: bytes, first: int = 1, most: int | None = None, chars: int = 1000, size: int | None = None) -> TextView:
    return view("a.txt", FileStart(data, len(data) if size is None else size), first, most, chars)


def test_a_short_file_is_shown_as_it_is() -> None:
    assert seen(b"one\r\ntwo\n") == TextView("one\r\ntwo\n", False)
    assert seen(b"no end") == TextView("no end", False)
    assert seen(b"\n") == TextView("\n", False)


def test_an_empty_file_is_reported_as_empty() -> None:
    assert seen(b"") == TextView("[the file is empty]", False)


def test_a_range_of_lines_can_be_read() -> None:
    assert seen(b"1\n2\n3\n4\n", 2, 2) == TextView("2\n3\n[lines 2-3 of 4; go on with offset=4]", True)
    assert seen(b"1\n2\n3\n4\n", 3) == TextView("3\n4\n", False)
    assert seen(b"1\n2\n", 1, 10) == TextView("1\n2\n", False)


def test_a_line_past_the_end_is_refused() -> None:
    with pytest.raises(WorkspaceError, match=r"a\.txt has 2 lines; there is no line 3"):
        seen(b"1\n2\n", 3)


def test_invalid_utf_8_is_replaced() -> None:
    assert seen(b"caf\xe9!").text == "caf\ufffd!"


def test_a_binary_file_is_reported_as_such() -> None:
    with pytest.raises(WorkspaceError, match="binary file of 5 bytes"):
        seen(b"\x7fELF\0")


def test_a_line_too_long_is_cut_with_a_note() -> None:
    cut = seen(b"x" * 50 + b"\nnext\n", chars=20)
    assert cut == TextView(
        "x" * 20 + "\n[line 1 is cut: 20 of its 50 characters; lines 1-1 of 2; go on with offset=2]", True
    )


def test_a_file_too_large_names_the_limit() -> None:
    cut = seen("aé".encode()[:2], size=100)
    assert cut == TextView("a\n[only the first 2 of 100 bytes can be shown]", True)


@given(st.lists(st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=9), min_size=1))
def test_reading_on_as_suggested_shows_every_line_once(lines: list[str]) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    shown: list[str] = []
    first = 1
    while True:
        piece = seen(data, first, None, chars=20)
        if not piece.cut:
            shown += piece.text.split("\n")[:-1]
            break
        *taken, note = piece.text.split("\n")
        shown += taken
        first = int(note.split("offset=")[1].rstrip("]"))
    assert shown == lines
