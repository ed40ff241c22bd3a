"""Attacks with connections: sockets and requests that come and go as fast as one client can make them."""

import asyncio
import contextlib

import httpx
from websockets.exceptions import WebSocketException

from tests.hostile.target import Target
from tests.support.network.http_client import http_client

AT_ONCE = 8


async def sockets_that_come_and_go(target: Target) -> None:
    """A read guest opens websockets and cuts them, several at once."""

    async def one() -> None:
        while True:
            with contextlib.suppress(WebSocketException, OSError):
                async with target.socket("read") as socket:
                    await socket.recv()
                    socket.transport.abort()

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))


async def requests_without_pause(target: Target) -> None:
    """A user asks for the list of their sessions, several requests at once, without a pause."""

    async def one(http: httpx.AsyncClient) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                await http.get("/api/sessions")

    async with http_client(target.http, headers=target.headers("user")) as http:
        await asyncio.gather(*(one(http) for _ in range(AT_ONCE)))
