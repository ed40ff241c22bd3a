"""HTTP protocol: an answer that is given before the request's body has come ends the connection, and still arrives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server.transport import lingering
from tests.support.network.http_client import http_client
from tests.unit.server.serving import WAIT_S, Running, app_of, serving, settings_for

LARGE = 20_000_000


async def refuse(request: Request) -> Response:
    return PlainTextResponse("no", 413)


async def read(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[Running]:
    routes = [Route("/refuse", refuse, methods=["GET", "PUT"]), Route("/read", read, methods=["PUT"])]
    settings = settings_for()
    async with serving(app_of([*routes], settings), settings) as running:
        yield running


class Peer:
    """A client that writes what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def put(self, path: str, length: int, body: bytes = b"") -> None:
        """Send the head of a request, and of its body this."""
        head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def answer(self) -> tuple[str, bytes]:
        """The next answer: its head, in lower case, and its body."""
        head = (await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), WAIT_S)).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return head, await self._reader.readexactly(length)

    async def is_cut(self, data: bytes) -> None:
        """Send this again and again, until the server has closed."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT_S):
                while True:
                    self.writer.write(data)
                    await self.writer.drain()
                    await asyncio.sleep(0)

    async def end(self) -> bytes:
        """What else comes until the server closes."""
        return await asyncio.wait_for(self._reader.read(), WAIT_S)


@contextlib.asynccontextmanager
async def peer(running: Running) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize("path", ["/refuse", "/nothing"])
async def test_an_answer_before_the_body_says_that_the_connection_ends_and_ends_it(path: str) -> None:
    async with server() as running, peer(running) as client:
        client.put(path, 1_000, b"GET /refuse HTTP/1.1\r\n")
        head, _ = await client.answer()
        assert head.count("connection: close") == 1
        client.writer.write(b"Host: localhost\r\n\r\n" * 20)
        assert await client.end() == b"", "what follows is no request"


async def test_a_request_whose_body_was_read_or_has_none_keeps_the_connection() -> None:
    async with server() as running, peer(running) as client:
        client.put("/read", 5, b"hello")
        head, body = await client.answer()
        assert body == b"5" and "connection: close" not in head
        client.writer.write(b"GET /refuse HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, body = await client.answer()
        assert body == b"no" and "connection: close" not in head
        client.put("/refuse", 5, b"hello")
        head, body = await client.answer()
        assert body == b"no" and "connection: close" not in head, "the body had come, although nobody looked at it"
        client.put("/read", 2, b"ab")
        assert (await client.answer())[1] == b"2"


async def test_a_client_that_sends_all_before_it_reads_gets_the_answer() -> None:
    async with server() as running, http_client(f"http://127.0.0.1:{running.port}") as http:
        answer = await http.put("/refuse", content=bytes(LARGE))
        assert (answer.status_code, answer.text) == (413, "no")
        assert (await http.put("/read", content=b"abc")).text == "3"


async def test_a_client_that_sends_nothing_more_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "LINGER_SILENCE_S", 0.0)
    async with server() as running, peer(running) as client:
        client.put("/refuse", 1_000, b"x")
        await client.answer()
        assert await client.end() == b""
        await client.is_cut(b"x")


async def test_a_client_that_never_ends_is_cut_after_a_bounded_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "LINGER_BYTES", 1_000_000)
    async with server() as running, peer(running) as client:
        client.put("/refuse", 10**12, b"x")
        await client.answer()
        await client.is_cut(bytes(65_536))


async def test_a_stop_does_not_wait_for_what_is_read_away() -> None:
    async with server() as running, peer(running) as client:
        client.put("/refuse", 1_000, b"x")
        await client.answer()
        await asyncio.wait_for(running.stop(), lingering.LINGER_SILENCE_S)
        assert await client.end() == b""
