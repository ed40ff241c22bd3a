"""Conversations: which session a client goes on with that names none, and sends its whole history each time instead. Pure."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from server.http.compatible.messages import INSTRUCTIONS, Said
from server.util.lru_map import LruMap

REMEMBERED_MAX: Final = 4_096
"""Conversations that are remembered, some 200 bytes each. A client that comes with a forgotten one gets a new session, which is told of
what was said."""

Key = tuple[str, bytes]


class Conversations:
    """The session of each history that ended here. A history goes on once: a second time it is a branch, and gets a session of its own."""

    def __init__(self) -> None:
        self._sessions: LruMap[Key, str] = LruMap(REMEMBERED_MAX)

    def take(self, user_id: str, history: Sequence[Said]) -> str | None:
        """The session whose history this is, if it has not gone on."""
        return self._sessions.pop(_key(user_id, history), None)

    def keep(self, user_id: str, history: Sequence[Said], session_id: str) -> None:
        """The session stands at the end of this history. One in which nothing was said is that of every new conversation."""
        if any(one.role not in INSTRUCTIONS for one in history):
            self._sessions[_key(user_id, history)] = session_id


def _key(user_id: str, history: Sequence[Said]) -> Key:
    """Instructions do not count: many hold the time. Nor does the space around a text."""
    said = [(one.role, one.text.strip()) for one in history if one.role not in INSTRUCTIONS]
    return user_id, blake2b(msgspec.json.encode(said), digest_size=16).digest()
