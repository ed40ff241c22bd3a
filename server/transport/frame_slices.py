"""Frame slices: up to where received bytes are parsed at once, so that no slice holds many frames and no large frame is cut up."""

from collections.abc import Generator

from websockets.streams import StreamReader

SLICE_BYTES = 1_024
"""What is parsed at once, unless it is the rest of one frame. The smallest frame of a client has 6 bytes, so this holds at most
170: some 1.5 ms of work, also if a user's hundred sockets send at the same moment."""

HEADER_BYTES, MASK_BYTES = 2, 4
"""What each frame of a client has, besides a longer length and its payload (RFC 6455, section 5.2)."""


class NotingReader(StreamReader):
    """`websockets`' reader, which also notes how much it waits for. `wanted`: this many bytes; 0 between two frames."""

    wanted = 0

    def read_exact(self, n: int) -> Generator[None, None, bytearray]:
        """As `StreamReader.read_exact`."""
        while len(self.buffer) < n:
            if self.eof:
                raise EOFError(f"stream ends after {len(self.buffer)} bytes, expected {n} bytes")
            self.wanted = n
            yield
            self.wanted = 0
        taken = self.buffer[:n]
        del self.buffer[:n]
        return taken

    def slice_end(self, data: bytes, begin: int) -> int:
        """Up to where of `data`, from `begin` on, to parse at once: a slice, or the rest of a frame; may be beyond its end."""
        if self.wanted:
            return begin + max(SLICE_BYTES, self.wanted - len(self.buffer))
        header = begin + HEADER_BYTES
        if header > len(data):
            return header
        size = data[header - 1] & 0x7F
        if size > 125:
            length_end = header + (2 if size == 126 else 8)
            end = length_end + MASK_BYTES + int.from_bytes(data[header:length_end], "big")
            return max(begin + SLICE_BYTES, end)
        return begin + SLICE_BYTES
