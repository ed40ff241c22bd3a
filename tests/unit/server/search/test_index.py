"""Text index: what was said is found by its user alone, what left the history is not, and the bound is kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.search.index import TextIndex


class Session:
    """One session that says things into an index."""

    def __init__(self, index: TextIndex, name: str, user: str = "ann", used_at: str = "2026-01-01") -> None:
        self.index = index
        self.name = name
        self.user = user
        self.used_at = used_at
        self.seq = 0

    def tell(self, *events: dict[str, Any]) -> None:
        records = [(self.seq + at, msgspec.json.encode(event)) for at, event in enumerate(events, 1)]
        self.seq = self.index.add(self.name, self.user, self.used_at, "e", self.seq, records)

    def say(self, asked: str, answer: str) -> None:
        """A turn; its input waits in an earlier batch than it begins."""
        name = f"s{self.seq}"
        self.tell({"type": "accepted", "submission_id": name, "submission": {"type": "user_input", "text": asked}})
        self.tell(
            {"type": "processing", "submission_id": name},
            {"type": "assistant_chunk", "text": "not this"},
            {"type": "assistant_message", "message_id": f"m{self.seq}", "text": answer},
            {"type": "turn_complete"},
        )


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TextIndex]:
    one = TextIndex(tmp_path / "search.db", 1_000_000)
    yield one
    one.close()


def test_both_sides_are_found_with_the_newest_message_and_what_was_found_in_it(index: TextIndex) -> None:
    session = Session(index, "one")
    session.say("Tell me of the Köln cathedral", "It has two towers.")
    session.say("And the towers?", "Both towers are 157 metres high.")
    hit = index.find("ann", "tower metre")["one"]
    assert (hit.message, hit.snippet) == ("m6", ["Both ", "towers", " are 157 ", "metres", " high."])
    assert index.find("ann", "koln")["one"].message == "input-s0"
    assert index.find("ann", "not this") == index.find("ann", "?!") == index.find("ann", '"') == {}


def test_only_ones_own_sessions_are_found(index: TextIndex) -> None:
    Session(index, "hers", "ann").say("secret plan", "fine")
    Session(index, "his", "bob").say("secret", "fine")
    assert set(index.find("ann", "secret")) == {"hers"}
    assert set(index.find("bob", "secret")) == {"his"}
    assert index.find("bob", "plan OR owner") == index.find("eve", "secret") == {}


def test_what_left_the_history_and_what_was_deleted_is_not_found_any_more(index: TextIndex) -> None:
    session = Session(index, "one")
    session.say("first", "alpha")
    session.tell({"type": "tool_output"})
    session.say("second", "beta")
    session.tell({"type": "undo_complete", "removed_messages": 2})
    assert (set(index.find("ann", "beta")), set(index.find("ann", "alpha"))) == (set(), {"one"})
    session.tell({"type": "undo_complete", "removed_messages": 3})
    assert index.find("ann", "alpha") == {}
    session.say("third", "gamma")
    index.forget(["one", "unknown"])
    assert (index.find("ann", "gamma"), index.positions()) == ({}, {})


def test_what_two_callers_read_at_once_is_in_it_once(index: TextIndex) -> None:
    session = Session(index, "one")
    said = [(1, b'{"type":"assistant_message","message_id":"m","text":"once"}')]
    assert [index.add("one", "ann", "", "e", 0, said) for _ in range(2)] == [1, 1]
    session.seq = 1
    session.tell({"type": "undo_complete", "removed_messages": 1})
    assert index.find("ann", "once") == {}


def test_the_sessions_not_used_for_longest_leave_when_it_is_full(tmp_path: Path) -> None:
    index = TextIndex(tmp_path / "search.db", 5_000)
    for number in range(4):
        Session(index, f"s{number}", used_at=f"2026-01-0{4 - number}").say("word", "x" * 2_000)
    assert index.shrink() == 2
    assert set(index.find("ann", "word")) == {"s0", "s1"}
    assert (index.shrink(), len(index.positions())) == (0, 4)
    index.close()


def test_a_file_that_is_no_index_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "search.db"
    path.write_bytes(b"no database" * 1_000)
    index = TextIndex(path, 1_000)
    Session(index, "one").say("hello", "there")
    index.close()
    again = TextIndex(path, 1_000)
    assert set(again.find("ann", "hello")) == {"one"}
    again.close()
    assert path.stat().st_mode & 0o077 == 0
