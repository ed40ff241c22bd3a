"""Lingering close: reads away what a client still sends after its answer, so that the answer is not lost to a reset.

Closing a TCP connection with unread data resets it, and a reset may take the answer with it that the client has not read
yet (RFC 9112, section 9.6). So the server ends its own side first, reads on for a while, and then closes.
"""

import asyncio
from typing import Final

LINGER_BYTES: Final = 67_108_864
"""What is read away of one connection: twice the largest upload by default."""

LINGER_SILENCE_S: Final = 2.0
"""A client that sends nothing for so long has read the answer, or is gone."""

LINGER_S: Final = 10.0
"""How long one connection is read away at most."""


class LingeringClose:
    """The end of one connection, whose answer is written and whose client may still send. Reading must not be paused."""

    def __init__(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._transport = transport
        self._left = LINGER_BYTES
        self._silence = loop.call_later(LINGER_SILENCE_S, self.close)
        self._end = loop.call_later(LINGER_S, self.close)
        self._loop = loop
        transport.write_eof()

    def received(self, size: int) -> None:
        """The client sent so many bytes more."""
        self._left -= size
        self._silence.cancel()
        if self._left <= 0:
            self.close()
        else:
            self._silence = self._loop.call_later(LINGER_SILENCE_S, self.close)

    def close(self) -> None:
        """Close the connection now."""
        self.stop()
        self._transport.close()

    def stop(self) -> None:
        """The connection has ended: leave it alone."""
        self._silence.cancel()
        self._end.cancel()
