"""Ears: hear what servers on a database tell one another by NOTIFY."""

import contextlib
import secrets
from collections.abc import Iterator

import psycopg

from server.journal.nodes import words
from server.journal.postgres.nodes.notices import CHANNEL

HEARD_S = 10.0


class Ears:
    """Hear words from now on."""

    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        self._connection = connection
        connection.execute(f"LISTEN {CHANNEL}".encode())

    def until(self, last: str) -> list[str]:
        """The words that come up to this one, and it."""
        heard: list[str] = []
        for notice in self._connection.notifies(timeout=HEARD_S):
            heard.append(notice.payload)
            if notice.payload == last:
                return heard
        raise AssertionError(f"{last} did not come: {heard}")

    def so_far(self) -> list[str]:
        """The words that have come."""
        now = secrets.token_hex(8)
        self._connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, now))
        return self.until(now)


@contextlib.contextmanager
def ears(database: str) -> Iterator[Ears]:
    """Some at this database."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield Ears(connection)


def heads_in(heard: list[str]) -> dict[str, int]:
    """How far sessions are stored, as these words tell."""
    found = [word for word in map(words.read, heard) if isinstance(word, words.Heads)]
    return {session_id: head for word in found for session_id, head in word.heads.items()}
