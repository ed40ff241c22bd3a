"""Frame header: the bytes before the payload of a websocket frame. Pure."""

import struct

from websockets.frames import Opcode


def frame_header(opcode: Opcode, size: int, *, fin: bool = True) -> bytes:
    """The header of an unmasked frame with a payload of `size` bytes (RFC 6455, section 5.2). `fin`: it ends the message."""
    first = opcode | 0x80 if fin else opcode
    if size < 126:
        return struct.pack("!BB", first, size)
    return struct.pack("!BBH", first, 126, size) if size < 65_536 else struct.pack("!BBQ", first, 127, size)
