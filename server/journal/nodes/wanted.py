"""Wanted sessions: which sessions the other nodes want to be told of. Pure.

Each node says so each second, whether it follows any or not, so a node that is not heard of is told of all sessions: one that has just
begun, one of an older version, and every node after words were lost.
"""

import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Collection

import msgspec

KEPT_S = 3.5
"""How long what a node said holds. It says it each second: `server.sessions.nodes.feed.LOOK_S`."""

BITS_A_SESSION, BITS_MIN, BITS_MAX = 16, 1_024, 32_768
"""Sessions are said as a set of bits, one for each: 5,464 characters at most, for any number of sessions. Two may share a bit; to tell of one
more costs little. Of 16 bits for each, one in 16 is set."""


_ALL = b"\xff"
"""The marks of all sessions."""


def marks_of(session_ids: Collection[str]) -> bytes:
    """These sessions, as bits: a power of two of them."""
    wanted = min(max(len(session_ids) * BITS_A_SESSION, BITS_MIN), BITS_MAX)
    bits = bytearray((1 << (wanted - 1).bit_length()) // 8)
    for session_id in session_ids:
        byte, bit = divmod(_hash(session_id) % (len(bits) * 8), 8)
        bits[byte] |= 1 << bit
    return bytes(bits)


def is_marked(session_id: str, marks: bytes) -> bool:
    """Whether the session is one of those of which `marks_of` made this, or shares the bit of one."""
    byte, bit = divmod(_hash(session_id) % (len(marks) * 8), 8)
    return bool(marks[byte] & 1 << bit)


def write_marks(marks: bytes) -> str:
    """The bits as text without spaces."""
    return b2a_base64(marks, newline=False).decode()


def read_marks(text: str) -> bytes:
    """The bits of such a text. Raises `ValueError`."""
    marks = a2b_base64(text, strict_mode=True)
    if not marks:
        raise ValueError("no bits")
    return marks


def _hash(session_id: str) -> int:
    return zlib.crc32(session_id.encode("utf-8", "surrogatepass"))


class _Said(msgspec.Struct):
    """What a node said. `also`: sessions that it began to follow since."""

    marks: bytes
    also: set[str]
    until: float

    def wants(self, session_id: str) -> bool:
        """Whether it wants to be told of the session, or may."""
        return session_id in self.also or is_marked(session_id, self.marks)


class Wanted:
    """What the other nodes want, as far as they were heard. Times are in seconds of one clock."""

    def __init__(self) -> None:
        self._said: dict[int, _Said] = {}

    def hear(self, node: int, marks: bytes, now: float) -> None:
        """A node wants these sessions, and no others."""
        self._said[node] = _Said(marks, set(), now + KEPT_S)

    def hear_also(self, node: int, session_ids: Collection[str], now: float) -> None:
        """A node wants these sessions besides the others. Of one that has said no others yet, as it has just begun, all may be wanted."""
        said = self._said.setdefault(node, _Said(_ALL, set(), now + KEPT_S))
        said.also.update(session_ids)

    def forget(self) -> None:
        """Words may have been lost: nothing is known."""
        self._said.clear()

    def of(self, session_ids: Collection[str], others: int, now: float) -> set[str]:
        """Those of these sessions that one of so many other nodes wants, or may want."""
        for node in [node for node, said in self._said.items() if said.until < now]:
            del self._said[node]
        if len(self._said) < others:
            return set(session_ids)
        every = self._said.values()
        return {session_id for session_id in session_ids if any(said.wants(session_id) for said in every)}
