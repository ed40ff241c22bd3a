"""Node words: what is written is read, each word is short enough, and what is no word is none."""

import pytest

from server.journal.nodes.words import DELETED, WORD_BYTES_MAX, Heads, read, write_heads


@pytest.mark.parametrize(
    "heads",
    [
        {"a": 1},
        {"a": 1, "b": DELETED},
        {"a,b:c d%": 7, "é\ud800": 2, "": 3},
        {f"{n:032x}": n for n in range(1_000)},
    ],
)
def test_what_is_told_is_read(heads: dict[str, int]) -> None:
    words = write_heads(17, heads.items())
    told: dict[str, int] = {}
    for word in words:
        assert len(word.encode()) < WORD_BYTES_MAX + 1
        found = read(word)
        assert isinstance(found, Heads) and found.node == 17
        told |= found.heads
    assert told == heads


def test_nothing_to_tell_is_no_word() -> None:
    assert write_heads(17, []) == []


@pytest.mark.parametrize("word", ["", "heads", "heads x a:1", "heads 1 a", "heads 1 a:b", "later 1 2 3"])
def test_what_is_no_word_of_this_version_is_none(word: str) -> None:
    assert read(word) is None


def test_the_shape_of_a_word_stays_as_older_servers_know_it() -> None:
    assert write_heads(17, [("a", 1), ("b", 2)]) == ["heads 17 a:1,b:2"]
    assert read("heads 17 a:1,b:2") == Heads(17, {"a": 1, "b": 2})
