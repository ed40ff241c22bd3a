"""Wanted sessions: a node tells of what another wants, and of everything while it is not sure what that is."""

import pytest

from server.journal.nodes.wanted import KEPT_S, Wanted, is_marked, marks_of, read_marks, write_marks
from server.journal.nodes.words import WORD_BYTES_MAX

HERE = ["a", "b"]


def test_of_a_node_that_was_not_heard_everything_may_be_wanted() -> None:
    wanted = Wanted()
    wanted.hear(2, marks_of([]), now=0.0)
    assert wanted.of(HERE, others=1, now=1.0) == set()
    assert wanted.of(HERE, others=2, now=1.0) == {"a", "b"}


def test_what_one_of_them_wants_is_wanted() -> None:
    wanted = Wanted()
    wanted.hear(2, marks_of(["a"]), now=0.0)
    wanted.hear(3, marks_of([]), now=0.0)
    assert wanted.of(HERE, others=2, now=1.0) == {"a"}
    wanted.hear_also(3, ["b"], now=0.0)
    assert wanted.of(HERE, others=2, now=1.0) == {"a", "b"}
    wanted.hear(3, marks_of([]), now=1.0)
    assert wanted.of(HERE, others=2, now=1.0) == {"a"}


def test_a_node_that_said_only_what_it_wants_besides_was_not_heard() -> None:
    wanted = Wanted()
    wanted.hear_also(2, ["a"], now=0.0)
    assert wanted.of(HERE, others=1, now=0.0) == {"a", "b"}


def test_a_node_that_begins_in_place_of_another_is_told_of_everything_until_it_says_what_it_wants() -> None:
    wanted = Wanted()
    wanted.hear(2, marks_of([]), now=0.0)  # it has ended since
    wanted.hear_also(3, ["a"], now=1.0)
    assert wanted.of(HERE, others=1, now=1.0) == {"a", "b"}
    wanted.hear(3, marks_of(["a"]), now=2.0)
    assert wanted.of(HERE, others=1, now=2.0) == {"a"}


def test_what_was_said_is_not_kept_for_long() -> None:
    wanted = Wanted()
    wanted.hear(2, marks_of([]), now=0.0)
    assert wanted.of(HERE, others=1, now=KEPT_S) == set()
    assert wanted.of(HERE, others=1, now=KEPT_S + 0.1) == {"a", "b"}


def test_after_lost_words_everything_may_be_wanted() -> None:
    wanted = Wanted()
    wanted.hear(2, marks_of([]), now=0.0)
    wanted.forget()
    assert wanted.of(HERE, others=1, now=0.0) == {"a", "b"}


@pytest.mark.parametrize(("count", "others_marked"), [(0, 0.0), (1, 0.01), (100, 0.12), (2_000, 0.12), (20_000, 0.6)])
def test_sessions_are_marked_in_one_short_word_and_few_others_with_them(count: int, others_marked: float) -> None:
    text = write_marks(marks_of([f"{n:032x}" for n in range(count)]))
    assert len(text) < WORD_BYTES_MAX - 100
    marks = read_marks(text)
    assert all(is_marked(f"{n:032x}", marks) for n in range(count))
    assert sum(is_marked(f"other {n}", marks) for n in range(5_000)) <= 5_000 * others_marked


def test_any_text_may_be_a_session() -> None:
    assert is_marked("é\ud800 ", marks_of(["é\ud800 "]))


@pytest.mark.parametrize("text", ["", "a", "no bits!", "AA=A"])
def test_what_marks_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_marks(text)
