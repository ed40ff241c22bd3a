"""MCP files: the large files of results, kept apart from their messages. The library decodes a message in the event loop, and
walks over each of its strings a dozen times: 15 MB of an image would stop all sessions for 400 ms.

A message has a reference in place of each such file. It is made here and cannot be guessed, so no server can name another's.
"""

import secrets
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Final

REFERENCES_MAX: Final = 256
CHARS_MAX: Final = 33_554_432
KEPT_S: Final = 300.0
"""Of one connection's files that nobody has taken, such as those of a call that was given up; then the oldest go. The largest result
has fewer and smaller ones. A slow workspace takes its files one after another, within that time."""

_kept: dict[str, str] = {}


class KeptFiles:
    """The files of one connection. They are gone when it is."""

    def __init__(self) -> None:
        self._own: deque[tuple[float, str]] = deque()
        weakref.finalize(self, _drop, self._own)

    def keep(self, secret: str, files: Sequence[str], now: float = 0.0) -> None:
        """Keep the files of a message, in the order of their references. `now`: seconds of a clock that goes forward."""
        self.drop_old(now)
        for number, content in enumerate(files):
            name = reference(secret, number)
            _kept[name] = content
            self._own.append((now, name))
        while self._own and (len(self._own) > REFERENCES_MAX or self._chars() > CHARS_MAX):
            _kept.pop(self._own.popleft()[1], None)

    def drop_old(self, now: float) -> None:
        """Drop what was kept for too long."""
        while self._own and self._own[0][0] + KEPT_S < now:
            _kept.pop(self._own.popleft()[1], None)

    def _chars(self) -> int:
        return sum(len(_kept.get(name, "")) for _, name in self._own)


def new_secret() -> str:
    """What the references of one message begin with."""
    return f"holdfast-file:{secrets.token_hex(16)}"


def reference(secret: str, number: int) -> str:
    """What stands in a message for its file of this number. `process.py` writes the same."""
    return f"{secret}:{number}"


def take(content: str) -> str:
    """The file, if this is the reference of one that is kept; else what was given. A file is taken once."""
    return _kept.pop(content, content) if content.startswith("holdfast-file:") else content


def _drop(own: deque[tuple[float, str]]) -> None:
    for _, name in own:
        _kept.pop(name, None)
