"""An answer's bytes within bounds: what is compressed is taken apart piece by piece, never more of it than may be kept."""

import zlib
from collections.abc import AsyncIterator

import msgspec

from agent.tools.web.urls import WebRefused

ACCEPTED = "gzip, deflate"
_GZIP, _ZLIB, _RAW = 31, 15, -15


class Body(msgspec.Struct, frozen=True):
    """What was read. `cut`: there is more."""

    data: bytes
    cut: bool


async def read_body(pieces: AsyncIterator[bytes], encoding: str, most: int) -> Body:
    """The first `most` bytes behind a `Content-Encoding`; as many are taken from the network. Raises `WebRefused`."""
    data, taken = bytearray(), 0
    inflater = _inflater(encoding)
    async for piece in pieces:
        taken += len(piece)
        data += piece if inflater is None else inflater.feed(piece, most + 1 - len(data))
        if len(data) > most or taken > most:
            return Body(bytes(data[:most]), True)
    if inflater is not None and not inflater.whole:
        raise WebRefused("the server's answer ends in the middle of its compressed data")
    return Body(bytes(data), False)


class Inflater:
    """Undoes gzip (also of several members) or deflate (with zlib's frame, as the standard says, or without)."""

    def __init__(self, gzip: bool) -> None:
        self._gzip = gzip
        self._inflate: zlib._Decompress | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self._inflate is None or self._inflate.eof

    def feed(self, piece: bytes, most: int) -> bytes:
        """What this piece adds, at most `most` bytes; what is beyond is dropped. Raises `WebRefused`."""
        made = bytearray()
        try:
            while piece and len(made) < most:
                if self._inflate is None or (self._gzip and self._inflate.eof):
                    self._inflate = zlib.decompressobj(_GZIP if self._gzip else _frame(piece))
                made += self._inflate.decompress(piece, most - len(made))
                if not self._inflate.eof:
                    break
                piece = self._inflate.unused_data.lstrip(b"\0") if self._gzip else b""
        except zlib.error as error:
            raise WebRefused(f"the server's answer is not compressed as it says: {error}") from None
        return bytes(made)


def _inflater(encoding: str) -> Inflater | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return Inflater(gzip=name != "deflate")
    raise WebRefused(f"the server's answer is compressed in a way that cannot be read: {name[:40]}")


def _frame(piece: bytes) -> int:
    """Zlib's frame begins with 8 in its low bits, and two bytes that 31 divides (RFC 1950)."""
    framed = len(piece) > 1 and piece[0] & 15 == 8 and int.from_bytes(piece[:2], "big") % 31 == 0
    return _ZLIB if framed else _RAW
