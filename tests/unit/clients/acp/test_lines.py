"""Lines: what is read of them, and how a prompt's blocks become text."""

import pytest

from clients.acp.dialects.calls import bounded, sides_of, title_of
from clients.acp.mapping.content import RESOURCE_CHARS, prompt_text
from clients.acp.rpc import Failure, Notification, Request, Response, Unreadable, read_line


def test_requests_notifications_and_responses_are_told_apart() -> None:
    assert read_line('{"jsonrpc":"2.0","id":1,"method":"m"}') == Request(1, "m", {})
    assert read_line('{"jsonrpc":"2.0","method":"m","params":{"a":1}}') == Notification("m", {"a": 1})
    assert read_line('{"jsonrpc":"2.0","id":"x","result":{"a":1}}') == Response("x", {"a": 1})
    assert read_line('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}') == Response(1, None)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", -32700),
        ("nothing", -32700),
        ("[" * 5_000, -32700),
        ('[{"jsonrpc":"2.0","id":1,"method":"m"}]', -32600),
        ("1", -32600),
        ('{"id":[],"method":"m"}', -32600),
        ('{"id":true,"method":"m"}', -32600),
        ('{"id":1,"method":2}', -32600),
        ('{"id":1,"method":"m","params":[]}', -32600),
    ],
)
def test_a_line_that_is_no_message_is_answered_with_what_is_wrong(line: str, code: int) -> None:
    read = read_line(line)
    assert isinstance(read, Unreadable)
    assert read.answer["error"]["code"] == code


def test_mentions_stand_in_the_sentence_and_files_behind_it() -> None:
    text = prompt_text(
        [
            {"type": "text", "text": "look at "},
            {"type": "resource_link", "name": "a.py", "uri": "file:///p/a.py"},
            {"type": "resource", "resource": {"uri": "file:///p/b.py", "text": "b = 1"}},
            {"type": "text", "text": "and say"},
            {"type": "text", "text": "more"},
        ]
    )
    assert text == (
        "look at [@a.py](file:///p/a.py) [@b.py](file:///p/b.py) and say\nmore\n\n"
        "File file:///p/b.py:\n<file>\nb = 1\n</file>"
    )


def test_a_long_file_is_cut_and_says_so() -> None:
    text = prompt_text([{"type": "resource", "resource": {"uri": "file:///b", "text": "x" * (RESOURCE_CHARS + 5)}}])
    assert "[cut: 5 more characters]" in text and len(text) < RESOURCE_CHARS + 200


@pytest.mark.parametrize(
    "blocks",
    [
        None,
        [],
        "text",
        [1],
        [{"type": "audio", "data": "", "mimeType": "audio/wav"}],
        [{"type": "text"}],
        [{}],
        [{"type": "resource"}],
    ],
)
def test_a_prompt_that_cannot_be_taken_is_refused(blocks: object) -> None:
    with pytest.raises(Failure):
        prompt_text(blocks)


def test_a_title_is_one_line_of_bounded_length() -> None:
    title = title_of("bash", {"command": "a\n  b " + "x" * 1_000})
    assert title.startswith("a b x") and len(title) == 300


def test_long_arguments_are_cut_wherever_they_are() -> None:
    cut = bounded({"a": [{"b": "x" * 30_000}], "c": 1})
    assert len(cut["a"][0]["b"]) < 20_100 and cut["c"] == 1


def test_both_sides_of_a_patch_are_read_whatever_the_lines_begin_with() -> None:
    patch = "--- /a\n+++ /a\n@@ -1,3 +1,3 @@\n keep\x0b\n--- old\n-\n+++ new\n+last\n\\ No newline at end of file\n"
    assert sides_of(patch) == ("keep\x0b\n-- old\n\n", "keep\x0b\n++ new\nlast")
