"""Bare HTTP: one request on its own connection, which is always closed."""

import asyncio


async def request(port: int, path: str, *, method: str = "GET") -> bytes:
    """The whole answer, from its status line on; empty or cut short as the server left it.

    Raises:
        OSError: It could not be asked.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return await reader.read()
    finally:
        writer.close()


def status(answer: bytes) -> int:
    """Of a whole answer."""
    return int(answer.split(b" ", 2)[1])
