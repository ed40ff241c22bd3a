"""Frames: reads a websocket message into the server's frames. Of an unknown one it gives the type and the position."""

from collections.abc import Iterator

import msgspec

from protocol import codec
from protocol.frames import Frame, SocketFrame

SOCKET_FRAMES = frozenset(str(cls.__struct_config__.tag) for cls in SocketFrame.__args__)
"""Types of the frames without which a socket makes no sense: one that cannot be read is a fault, never skipped."""


class ProtocolFault(Exception):
    """The server broke the protocol."""


class Unknown(msgspec.Struct):
    """A frame of another version: an event if it has a `seq`."""

    type: str
    seq: int = 0
    first_seq: int = 0


def read_frames(data: bytes | str, *, binary: bool) -> Iterator[Frame | Unknown]:
    """The frames of one message, in order. Raises `ProtocolFault` at what is no frame."""
    try:
        for raw in _split(data, binary):
            yield _decode(raw, binary)
    except codec.FrameError as error:
        raise ProtocolFault(str(error)) from error


def _split(data: bytes | str, binary: bool) -> Iterator[bytes | str]:
    if binary:
        return codec.split_msgpack(data if isinstance(data, bytes) else data.encode())
    if isinstance(data, str):
        return codec.split_json(data)
    return (line for line in data.split(b"\n") if line.strip())


def _decode(raw: bytes | str, binary: bool) -> Frame | Unknown:
    try:
        if binary and isinstance(raw, bytes):
            return codec.decode_frame_msgpack(raw)
        return codec.decode_frame(raw)
    except msgspec.ValidationError as error:
        unknown = _envelope(raw, binary)
        if unknown.type in SOCKET_FRAMES:
            raise ProtocolFault(f"the server sent a malformed `{unknown.type}`: {error}") from error
        return unknown
    except codec.DECODE_ERRORS as error:
        raise ProtocolFault(f"the server sent what is no frame: {error}") from error


def _envelope(raw: bytes | str, binary: bool) -> Unknown:
    try:
        if binary and isinstance(raw, bytes):
            return msgspec.msgpack.decode(raw, type=Unknown)
        return msgspec.json.decode(raw, type=Unknown)
    except codec.DECODE_ERRORS as error:
        raise ProtocolFault(f"the server sent what is no frame: {error}") from error
