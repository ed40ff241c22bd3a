"""Notices: a node tells by NOTIFY of the sessions that others want, and of the rest nothing."""

import contextlib
import os
from collections.abc import Iterator

from server.journal.nodes import words
from server.journal.nodes.wanted import Wanted, marks_of
from server.journal.postgres.address import Address
from server.journal.postgres.nodes.notices import Notifier
from tests.support.postgres.ears import Ears, ears, heads_in

HERE, OTHER = 1, 2


@contextlib.contextmanager
def telling(database: str) -> Iterator[tuple[Notifier, Ears]]:
    """The notifier of node `HERE`, which is to be started, and who hears it."""
    notifier = Notifier(Address(database, os.environ), lambda: HERE)
    with ears(database) as hearing:
        try:
            yield notifier, hearing
        finally:
            notifier.stop()


def test_what_nobody_wants_is_not_told_but_a_deletion_is(database: str) -> None:
    with telling(database) as (notifier, hearing):
        notifier.start()
        notifier.tell({"a": 1, "b": 1}, others=1)
        notifier.say("first")
        assert heads_in(hearing.until("first")) == {"a": 1, "b": 1}
        notifier.hear(words.Wants(OTHER, marks_of(["b"])))
        notifier.tell({"a": 2, "b": 2, "c": words.DELETED}, others=1)
        notifier.say("second")
        assert heads_in(hearing.until("second")) == {"b": 2, "c": words.DELETED}
        notifier.forget()
        notifier.tell({"a": 3}, others=1)
        notifier.say("third")
        assert heads_in(hearing.until("third")) == {"a": 3}


def test_who_begins_to_follow_is_told_what_was_stored_before_its_word_came(database: str) -> None:
    with telling(database) as (notifier, hearing):
        notifier.start()
        notifier.hear(words.Wants(OTHER, marks_of([])))
        notifier.tell({"a": 1, "b": 1}, others=1)
        notifier.tell({"a": 2}, others=1)
        notifier.hear(words.WantsAlso(OTHER, frozenset({"a", "never stored here"})))
        notifier.say("first")
        assert heads_in(hearing.until("first")) == {"a": 2}
        notifier.tell({"a": 3, "b": 3}, others=1)
        notifier.say("second")
        assert heads_in(hearing.until("second")) == {"a": 3}


def test_who_begins_to_follow_is_told_of_the_newest(database: str) -> None:
    with telling(database) as (notifier, hearing):
        notifier.hear(words.Wants(OTHER, marks_of([])))
        notifier.tell({"a": 1}, others=1)
        notifier.hear(words.Wants(OTHER, marks_of(["a"])))
        notifier.tell({"a": 2}, others=1)
        notifier.hear(words.WantsAlso(OTHER, frozenset({"a"})))
        notifier.say("last")
        notifier.start()
        assert heads_in(hearing.until("last")) == {"a": 2}


def test_a_new_follower_is_not_forgotten_by_what_was_said_before_it(database: str) -> None:
    with telling(database) as (notifier, hearing):
        notifier.say(words.write_wants(HERE, ["old"]))
        notifier.want(["new"])
        notifier.start()  # so that it says both together
        wanted = Wanted()
        for word in map(words.read, hearing.until(f"also {HERE} new")):
            if isinstance(word, words.Wants):
                wanted.hear(word.node, word.marks, now=0.0)
            elif isinstance(word, words.WantsAlso):
                wanted.hear_also(word.node, word.sessions, now=0.0)
        assert wanted.of(["old", "new", "other"], others=1, now=0.0) == {"old", "new"}
