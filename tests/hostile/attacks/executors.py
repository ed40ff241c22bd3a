"""Attacks with work that blocks: a disk and names that never answer, searches and commands without number."""

import asyncio
import contextlib

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from protocol.codec import encode
from protocol.submissions import Interrupt, UserInput
from tests.hostile.hanging import MARK, SILENT
from tests.hostile.target import Target
from tests.support.network.http_client import http_client

LISTINGS = 100
CREATED, SERVICE_UNAVAILABLE = 201, 503
LINES = 200_000
FILES = 9_000
"""Nearly as many as a workspace may hold."""


async def listings_that_hang(target: Target) -> None:
    """A user lists files on a disk that hangs, many at once. What finds no place is answered; the attack fails if nothing is."""
    files = f"/api/sessions/{target.session_id}/files"
    answered: list[int] = []

    async def one(http: httpx.AsyncClient) -> None:
        with contextlib.suppress(httpx.HTTPError):
            answered.append((await http.get(files, timeout=1.0)).status_code)

    async with http_client(target.http, headers=target.headers("user")) as http:
        marked = (await http.put(f"{files}/{MARK}", content=b"x", timeout=30.0)).status_code
        assert marked in {CREATED, SERVICE_UNAVAILABLE}, marked  # in a second try what hangs has all places already
        await asyncio.gather(*(one(http) for _ in range(LISTINGS)))
        assert SERVICE_UNAVAILABLE in answered, answered
        while True:
            await one(http)


async def fetches_of_a_silent_name(target: Target) -> None:
    """A session fetches pages of a host whose name server never answers, 32 in one message."""
    await _turns(target, f'call=web_fetch:{{"url":"http://{SILENT}/"}} times=32 tokens=1')


async def searches_in_one_message(target: Target) -> None:
    """A session searches some megabytes, 32 times in one message."""
    files = f"/api/sessions/{target.session_id}/files"
    line = b"the quick brown fox jumps over the lazy dog\n"
    async with http_client(target.http, headers=target.headers("user")) as http:
        (await http.put(f"{files}/long.txt", content=line * LINES, timeout=30.0)).raise_for_status()
    await _turns(target, 'call=grep:{"pattern":"q.*b.*f.*j.*z{3}"} times=32 tokens=1')


async def commands_in_one_message(target: Target) -> None:
    """A session runs commands that take a processor each, 32 in one message."""
    await _turns(target, 'call=bash:{"command":"timeout 2 sh -c \'while :; do :; done\'"} times=32 tokens=1')


async def commands_that_end_at_once(target: Target) -> None:
    """A session starts processes as fast as it can, 32 in one message."""
    await _turns(target, 'call=bash:{"command":"true"} times=32 tokens=1')


async def turns_in_full_workspaces(target: Target) -> None:
    """Sessions fill their workspaces with files, and run commands: each turn's files are saved before."""

    async def one() -> None:
        url = f"ws://127.0.0.1:{target.port}/ws"
        with contextlib.suppress(WebSocketException, OSError):
            async with connect(url, additional_headers=target.headers("user"), compression=None) as socket:
                await _turn(socket, f'call=bash:{{"command":"seq {FILES} | xargs touch"}} tokens=1')
                while True:
                    await _turn(socket, 'call=bash:{"command":"echo >> changed"} tokens=1')

    await asyncio.gather(*(one() for _ in range(6)))


async def models_that_are_silent(target: Target) -> None:
    """All sessions that a user may have awake call a model that accepts and never answers; the calls are cut and made again."""

    async def one() -> None:
        url = f"ws://127.0.0.1:{target.port}/ws"
        while True:
            with contextlib.suppress(WebSocketException, OSError):
                async with connect(url, additional_headers=target.headers("user"), compression=None) as socket:
                    while True:
                        await socket.send(encode(UserInput(text="silent=1")).decode())
                        await _until(socket, '"type":"processing"')
                        await asyncio.sleep(0.2)
                        await socket.send(encode(Interrupt()).decode())
                        await _until(socket, '"type":"interrupted"')

    await asyncio.gather(*(one() for _ in range(9)))


async def _until(socket: ClientConnection, wanted: str) -> None:
    async for frame in socket:
        if wanted in str(frame):
            return


async def _turns(target: Target, text: str) -> None:
    with contextlib.suppress(ConnectionClosed):
        async with target.socket("user") as socket:
            while True:
                await _turn(socket, text)


async def _turn(socket: ClientConnection, text: str) -> None:
    await socket.send(encode(UserInput(text=text)).decode())
    async for frame in socket:
        words = frame if isinstance(frame, str) else frame.decode()
        if '"type":"turn_complete"' in words:
            return
        assert '"type":"refused"' not in words and '"type":"approval_required"' not in words, words
