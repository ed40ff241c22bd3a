"""Attacks on storage: uploads that stop in the middle, and more uploads than may be stored."""

import asyncio
import contextlib

import httpx

from tests.hostile.target import Target
from tests.support.network.http_client import http_client

IDLE = 40
AT_ONCE = 8
ANNOUNCED = 1_000_000


async def idle_uploads(target: Target) -> None:
    """A user announces large files, sends the beginning of each, and then nothing."""
    begins = (
        f"PUT /api/sessions/{target.session_id}/files/idle HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n"
        f"Authorization: Bearer {target.user}\r\nContent-Length: {ANNOUNCED}\r\n\r\n"
    ).encode()

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
                writer.write(begins + bytes(100_000))
                await reader.read()
                writer.close()

    await asyncio.gather(*(one() for _ in range(IDLE)))


async def uploads_without_pause(target: Target) -> None:
    """A user uploads new files, several at once, without a pause."""
    base = f"{target.http}/api/sessions/{target.session_id}/files/"

    async def one(http: httpx.AsyncClient, name: str) -> None:
        number = 0
        while True:
            number += 1
            with contextlib.suppress(httpx.HTTPError):
                await http.put(f"{name}-{number}", content=bytes(200_000))

    async with http_client(base, headers=target.headers("user")) as http:
        await asyncio.gather(*(one(http, str(number)) for number in range(AT_ONCE)))
