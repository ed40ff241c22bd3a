"""Test images: whole PNG files of one colour, and the messages in which a model is shown them."""

import struct
import zlib
from typing import Any, cast

from tests.support.models.scripted_model import Request


def png(width: int = 2, height: int = 2, *, padding: int = 0) -> bytes:
    """A red image. `padding`: bytes of a chunk that nobody reads."""
    rows = (b"\0" + b"\xff\0\0" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    if padding:
        chunks.insert(1, (b"teSt", b"\0" * padding))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def messages_of(request: Request) -> list[Any]:
    """The messages of a request, whose content is a text or a list of parts."""
    return cast("list[Any]", request.body["messages"])
