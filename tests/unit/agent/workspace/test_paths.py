"""Path names: no name leads out of a workspace or looks like another name."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.util.text import is_clean
from agent.workspace.paths import (
    WorkspaceError,
    as_text,
    file_parts,
    folder_parts,
    from_text,
    is_unfinished,
    printable,
    shown,
    unfinished_name,
)
from agent.workspace.settings import WorkspaceLimits
from protocol.visible import exact_line

LIMITS = WorkspaceLimits()
PIECES = st.sampled_from(
    ["..", ".", "/", "\\", "~", "\0", "\n", "a", "notes", "…", "\udc80", "\u202e", "C:", "%2e", " "]
)
PATHS = st.one_of(st.text(), st.lists(PIECES).map("".join), st.lists(PIECES).map("/".join))


@given(PATHS)
@example("../a")
@example("/etc/passwd")
@example("a/../../b")
def test_a_path_is_names_below_the_workspace_or_is_refused(path: str) -> None:
    try:
        parts = folder_parts(path, LIMITS)
    except WorkspaceError:
        return
    root = "/srv/workspace"
    assert not {"", ".", ".."} & set(parts)
    assert os.path.normpath(os.path.join(root, path)) == os.path.normpath(os.path.join(root, *parts))
    assert os.path.commonpath([root, os.path.normpath(os.path.join(root, *parts))]) == root
    assert all(len(os.fsencode(from_text(name))) <= 255 for name in parts)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("//etc", "absolute"),
        ("..", "goes up"),
        ("../x", "goes up"),
        ("a/../b", "goes up"),
        ("a/..", "goes up"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("a\x7fb", "control character"),
        ("a\x85b", "control character"),
        ("a\u2028b", "line separator"),
        ("a\u2029b", "line separator"),
        ("a\ud800", "half a character"),
        ("x" * 256, "too long"),
        ("é" * 128, "too long"),
        ("/".join(["a" * 200] * 25), "too long"),
        ("/".join("a" * 33), "too deep"),
        (unfinished_name("0123456789abcdef"), "reserved"),
    ],
)
def test_a_refused_path_has_a_reason(path: str, why: str) -> None:
    with pytest.raises(WorkspaceError, match=why):
        file_parts(path, LIMITS)


@pytest.mark.parametrize("path", ["", ".", "./", "a/", "a/."])
def test_a_folder_is_not_a_file(path: str) -> None:
    with pytest.raises(WorkspaceError, match="names a folder"):
        file_parts(path, LIMITS)


def test_dots_and_doubled_slashes_change_nothing() -> None:
    assert file_parts("./a//b/./c.txt", LIMITS) == ("a", "b", "c.txt")
    assert folder_parts("a/", LIMITS) == ("a",)
    assert folder_parts(".", LIMITS) == folder_parts("", LIMITS) == ()


@pytest.mark.parametrize(
    "name",
    ["Screenshot 9.41.00\u202fAM.png", "a\u00a0b", "a\u3000b", "\U0001f469\u200d\U0001f4bb.txt", "a\u202eb", "\u00ad"],
    ids=ascii,
)
def test_spaces_and_joiners_of_ordinary_names_are_accepted(name: str) -> None:
    assert file_parts(name, LIMITS) == (name,)


NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: not {0, 0x2F} & set(name)).map(os.fsdecode)


@given(NAMES)
def test_any_name_is_text_that_leads_back_to_it(name: str) -> None:
    text = as_text(name)
    assert text.encode().decode() == text
    assert is_clean(text)
    if "\\x" not in name:
        assert from_text(text) == name
        assert from_text(printable(text)) == name


@given(st.text())
def test_no_escape_is_a_separator_or_a_dot(text: str) -> None:
    for escape in ("\\x2f", "\\x2e\\x2e", "\\x00", "\\x5c", text.replace("/", "")):
        assert "/" not in from_text(escape)
        assert "\0" not in from_text(escape.replace("\0", ""))
        assert from_text(escape) not in ("..", ".") or escape in ("..", ".")


def test_names_that_only_look_dangerous_are_names() -> None:
    for name in ("...", "..a", "~", "-rf", "C:", "%2e%2e", "a\\..\\b", "名前", ".holdfast-notes"):
        assert file_parts(name, LIMITS) == (name,)


@given(st.text())
def test_a_shown_path_holds_nothing_unseen_and_is_bounded(path: str) -> None:
    text = shown(path)
    assert exact_line(text) == text
    assert len(text) <= 302


def test_a_shown_path_cannot_end_its_own_quotes() -> None:
    assert shown("notes/a.txt") == "notes/a.txt"
    assert shown("my file") == "'my file'"
    assert shown("x' (1 bytes), y") == "'x\\' (1 bytes), y'"
    assert shown("x' \n \\") == "'x\\' \\n \\\\'"
    assert shown("a\u202etxt.exe") == "'a\\u202etxt.exe'"


def test_a_shown_path_has_its_fillers_and_tags_escaped_and_its_emoji_as_they_are() -> None:
    assert shown("a\u3164b\U000e0041") == "'a\\u3164b\\U000e0041'"
    assert shown("\u2764\ufe0f\u200d\U0001f525") == "'\u2764\ufe0f\u200d\U0001f525'"


def test_an_unfinished_name_is_recognized() -> None:
    assert is_unfinished(unfinished_name("00ff00ff00ff00ff"))
    assert not is_unfinished(Path("notes.part").name)
