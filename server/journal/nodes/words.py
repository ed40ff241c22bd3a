"""Node words: what one node tells the others, as text. Pure. A word that is lost costs a second, never an event."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec

from server.journal.nodes import wanted
from server.journal.nodes.inbox import Settled

WORD_BYTES_MAX = 7_900
"""PostgreSQL takes notifications shorter than 8,000 bytes: https://www.postgresql.org/docs/current/sql-notify.html"""

MESSAGE_CHARS_MAX = 1_000
"""Of a refusal. JSON makes six bytes at most of a code point, or of a half of one."""

DELETED = -1
"""In place of a head: the session was deleted."""


CREDENTIALS = "credentials"
"""The word that credentials were removed, or changed."""


class Heads(NamedTuple):
    """How far sessions are stored now. `node`: who tells it."""

    node: int
    heads: Mapping[str, int]


class Wants(NamedTuple):
    """The sessions of which `node` wants to be told, as `wanted.marks_of` marks them."""

    node: int
    marks: bytes


class WantsAlso(NamedTuple):
    """Sessions of which `node` wants to be told besides the others."""

    node: int
    sessions: frozenset[str]


class Arrived(NamedTuple):
    """Something waits in the inbox of a session that the node `to` owns."""

    to: int


class Answered(NamedTuple):
    """What became of a submission that the node `to` forwarded."""

    to: int
    settled: Settled


class CredentialsChanged(NamedTuple):
    """Credentials were removed, or changed: each node looks at those that it has seen."""


def write_heads(node: int, heads: Iterable[tuple[str, int]]) -> list[str]:
    """The words that tell of these sessions, each short enough."""
    return _words(f"heads {node} ", (f"{_quoted(session_id)}:{head}" for session_id, head in heads))


def write_wants(node: int, session_ids: Collection[str]) -> str:
    """The word that the node wants to be told of these sessions."""
    return f"wants {node} {wanted.write_marks(wanted.marks_of(session_ids))}"


def write_wants_also(node: int, session_ids: Iterable[str]) -> list[str]:
    """The words that the node wants to be told of these sessions too, each short enough."""
    return _words(f"also {node} ", map(_quoted, session_ids))


def _quoted(session_id: str) -> str:
    return quote(session_id, safe="", errors="surrogatepass")


def _words(begin: str, listed: Iterable[str]) -> list[str]:
    words: list[str] = []
    parts: list[str] = []
    size = len(begin)
    for part in listed:
        if parts and size + len(part) >= WORD_BYTES_MAX:
            words.append(begin + ",".join(parts))
            parts, size = [], len(begin)
        parts.append(part)
        size += len(part) + 1
    if parts:
        words.append(begin + ",".join(parts))
    return words


def write_arrived(to: int) -> str:
    """The word that something waits in the inbox of a session that this node owns."""
    return f"inbox {to}"


def write_answered(to: int, settled: Settled) -> str:
    """The word that tells a node what became of a submission that it forwarded."""
    short = msgspec.structs.replace(settled, message=settled.message[:MESSAGE_CHARS_MAX])
    return f"answered {to} {msgspec.json.encode(short).decode()}"


def is_news_of(word: str, node: int) -> bool:
    """Whether it tells how far this node's sessions are stored, or what it wants."""
    return word.startswith((f"heads {node} ", f"wants {node} ", f"also {node} "))


def read(word: str) -> Heads | Wants | WantsAlso | Arrived | Answered | CredentialsChanged | None:
    """What a word tells; None for one that this version does not know."""
    kind, _, rest = word.partition(" ")
    node, _, listed = rest.partition(" ")
    heads: dict[str, int] = {}
    try:
        if kind == CREDENTIALS:
            return CredentialsChanged()
        if kind == "inbox":
            return Arrived(int(node))
        if kind == "answered":
            return Answered(int(node), msgspec.json.decode(listed, type=Settled))
        if kind == "wants":
            return Wants(int(node), wanted.read_marks(listed))
        if kind == "also":
            return WantsAlso(int(node), frozenset(unquote(part, errors="surrogatepass") for part in listed.split(",")))
        if kind != "heads":
            return None
        for part in listed.split(","):
            session_id, _, head = part.rpartition(":")
            heads[session_id] = int(head)
        if "%" in listed:
            heads = {unquote(session_id, errors="surrogatepass"): head for session_id, head in heads.items()}
        return Heads(int(node), heads)
    except (ValueError, msgspec.DecodeError):
        return None
