"""Node words: what one node tells the others, as text. Pure. A word that is lost costs a second, never an event."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

WORD_BYTES_MAX = 7_900
"""PostgreSQL takes notifications shorter than 8,000 bytes: https://www.postgresql.org/docs/current/sql-notify.html"""

DELETED = -1
"""In place of a head: the session was deleted."""


class Heads(NamedTuple):
    """How far sessions are stored now. `node`: who tells it."""

    node: int
    heads: Mapping[str, int]


def write_heads(node: int, heads: Iterable[tuple[str, int]]) -> list[str]:
    """The words that tell of these sessions, each short enough."""
    begin = f"heads {node} "
    words: list[str] = []
    parts: list[str] = []
    size = len(begin)
    for session_id, head in heads:
        part = f"{quote(session_id, safe='', errors='surrogatepass')}:{head}"
        if parts and size + len(part) >= WORD_BYTES_MAX:
            words.append(begin + ",".join(parts))
            parts, size = [], len(begin)
        parts.append(part)
        size += len(part) + 1
    if parts:
        words.append(begin + ",".join(parts))
    return words


def read(word: str) -> Heads | None:
    """What a word tells; None for one that this version does not know."""
    kind, _, rest = word.partition(" ")
    if kind != "heads":
        return None
    node, _, listed = rest.partition(" ")
    heads: dict[str, int] = {}
    try:
        for part in listed.split(","):
            session_id, _, head = part.rpartition(":")
            heads[unquote(session_id, errors="surrogatepass")] = int(head)
        return Heads(int(node), heads)
    except ValueError:
        return None
