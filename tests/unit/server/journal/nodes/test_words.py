"""Node words: what is written is read, each word is short enough, and what is no word is none."""

import pytest

from server.journal.nodes.wanted import marks_of
from server.journal.nodes.words import (
    DELETED,
    WORD_BYTES_MAX,
    Heads,
    Wants,
    WantsAlso,
    is_news_of,
    read,
    write_arrived,
    write_heads,
    write_wants,
    write_wants_also,
)


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


def test_what_is_wanted_is_read() -> None:
    sessions = ["a,b:c d%", "é\ud800", *(f"{n:032x}" for n in range(1_000))]
    assert read(write_wants(17, sessions)) == Wants(17, marks_of(sessions))
    also: set[str] = set()
    for word in write_wants_also(17, sessions):
        assert len(word.encode()) < WORD_BYTES_MAX + 1
        found = read(word)
        assert isinstance(found, WantsAlso) and found.node == 17
        also |= found.sessions
    assert also == set(sessions)


def test_news_of_a_node_are_known_by_its_number() -> None:
    news = [*write_heads(17, [("a", 1)]), write_wants(17, ["a"]), *write_wants_also(17, ["a"])]
    assert [is_news_of(word, 17) for word in news] == [True, True, True]
    assert [is_news_of(word, 1) for word in news] == [False, False, False]
    assert not is_news_of(write_arrived(17), 17)


@pytest.mark.parametrize(
    "word",
    ["", "heads", "heads x a:1", "heads 1 a", "heads 1 a:b", "later 1 2 3", "wants 1", "wants 1 !", "also x a"],
)
def test_what_is_no_word_of_this_version_is_none(word: str) -> None:
    assert read(word) is None


def test_the_shape_of_a_word_stays_as_older_servers_know_it() -> None:
    assert write_heads(17, [("a", 1), ("b", 2)]) == ["heads 17 a:1,b:2"]
    assert read("heads 17 a:1,b:2") == Heads(17, {"a": 1, "b": 2})
    assert write_wants_also(17, ["a", "b"]) == ["also 17 a,b"]
    assert read("wants 17 AAAAAAAAAAA=") == Wants(17, bytes(8))
