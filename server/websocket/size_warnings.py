"""Size warnings: says in the log that a client does not take a message of its size, and what to do. Once a session."""

import logging
from typing import Final

from protocol import codes
from server.util.lru_map import LruMap

log = logging.getLogger("holdfast.socket")

SESSIONS_MAX: Final = 4_096
"""Sessions that are remembered, the longest unused forgotten first: some 100 bytes each."""

BEHIND_S: Final = 2.0
"""A client that cuts its connection so soon after a large message was handed over may have done it because of it."""


class SizeWarnings:
    """The sessions whose clients were warned of."""

    def __init__(self) -> None:
        self._warned: LruMap[str, None] = LruMap(SESSIONS_MAX)

    def ended(self, session_id: str, close: tuple[int, str] | None, large: int, since_s: float, most: int) -> None:
        """A client closed its socket, or cut it (`close`: code and reason of its close frame, or None).

        `large`: the size of the newest large message, 0: there was none; `since_s`: seconds since it was handed over. `most`: the
        bound of this socket's messages.
        """
        code, reason = close or (None, "")
        if code == codes.CLOSE_TOO_LARGE:
            how = f"refused a message with 1009 {reason!r}; the largest of late had {large} bytes"
        elif code is None and large and since_s < BEHIND_S:
            how = f"cut the connection right behind a message of {large} bytes; perhaps its library takes none so large"
        else:
            return
        if session_id in self._warned:
            return
        self._warned[session_id] = None
        log.warning(
            "session %s: a client %s. Raise the largest message of its websocket library to limits.outbound_frame_bytes "
            "of `ready` (%d), or connect with `?max_message=BYTES`: docs/protocol.md, Sizes",
            session_id,
            how,
            most,
        )
