"""Space client: speaks HTTP to the program in a sandbox Space (`in_space/`), streams the output of commands and ends them."""

import asyncio
import math
import secrets
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any, NoReturn

import httpx
import msgspec

from agent.sandbox.in_space import EXIT, FRAME_BYTES_MAX, FRAME_HEAD, OUTPUT, PING_S, SECRET_HEADER, VERSION
from agent.sandbox.remote.sandbox import LATE_S
from agent.workspace.files import Entry, ExitStatus, FileStart, OutputSink, SandboxError, SandboxLost

CONNECT_S = 15.0
TRANSFER_S = 120.0
"""Seconds that one file or listing may take."""
CANCEL_S = 15.0
"""Seconds to wait for the end of a cancelled command."""
ANSWER_BYTES_MAX = 80 << 20
LOST = "the connection to the sandbox broke; what the command had begun was stopped or may have had effects"


class ExitFrame(msgspec.Struct, frozen=True):
    """The last frame of a command: its exit code, and why the program ended it, or empty."""

    code: int
    stopped: str


class ListAnswer(msgspec.Struct, frozen=True):
    """The answer to a listing: path, kind and size of each entry; whether there are more."""

    entries: list[tuple[str, str, int]]
    more: bool


class Unreachable(SandboxLost):
    """The program does not answer, or something else answers in its place."""


class WrongSecret(Unreachable):
    """The program answers, and knows another secret; or the edge does not let the owner's token in."""


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates of all clients: reading them takes 30 ms, in which the loop stands."""
    return httpx.create_ssl_context(trust_env=False)


class SpaceClient:
    """The client of one Space. `token`: the owner's, for the Hub's proxy in front of the Space; `secret`: for the program itself."""

    def __init__(self, url: str, token: str, secret: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", SECRET_HEADER: secret, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(TRANSFER_S, connect=CONNECT_S),
            follow_redirects=False,  # both credentials would go wherever it leads
            trust_env=False,
            verify=_trusted(),
        )

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def check(self) -> None:
        """Raises Unreachable unless the program answers and is the one that this client knows."""
        health = await self._ask(dict[str, object], "GET", "/health")
        if health.get("version") != VERSION:
            raise Unreachable(f"the sandbox runs version {health.get('version')!r:.20} of its program, not {VERSION}")

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        """Run a command; cancelled, or failing in any way, it is ended there before this returns."""
        command_id = secrets.token_hex(16)
        request = {"id": command_id, "command": command, "timeout_s": timeout_s}
        try:
            async with asyncio.timeout(timeout_s + LATE_S):
                return await self._follow(request, output, timeout_s)
        except BaseException as error:
            await self._cancel(command_id)
            if isinstance(error, TimeoutError):
                raise SandboxError(LOST) from None
            raise

    async def read(self, path: str, most: int) -> FileStart:
        """The first `most` bytes of a file, and its size."""
        async with self._answer("GET", "/read", params={"path": path, "max": most}) as answer:
            data = await _body(answer, most)
            size = answer.headers.get("X-Size", "")
        return FileStart(data, int(size) if size.isdecimal() and len(size) < 20 else len(data))

    async def write(self, path: str, data: bytes) -> bool:
        """Write a file; whether it replaced one."""
        answer: dict[str, bool] = await self._ask(dict[str, bool], "PUT", "/write", params={"path": path}, content=data)
        return answer.get("replaced", False)

    async def list(self, path: str, recursive: bool, most: int) -> tuple[list[Entry], bool]:
        """The entries of a folder, at most `most`, and whether there are more."""
        query: dict[str, str | int] = {"path": path, "recursive": int(recursive), "max": most}
        listing: ListAnswer = await self._ask(ListAnswer, "GET", "/list", params=query)
        return [Entry(*entry) for entry in listing.entries], listing.more

    async def _follow(self, request: dict[str, object], output: OutputSink, timeout_s: float) -> ExitStatus:
        timeout = httpx.Timeout(4 * PING_S, connect=CONNECT_S)
        async with self._answer("POST", "/exec", json=request, timeout=timeout) as answer:
            async for kind, data in _frames(answer):
                if kind == EXIT:
                    return _exit(msgspec.json.decode(data, type=ExitFrame), timeout_s)
                if kind == OUTPUT:
                    await output(data)
        raise SandboxError(LOST)

    async def _cancel(self, command_id: str) -> None:
        """End the command. If nothing answers, the end of its connection ends it: the program watches that."""
        with suppress(SandboxError, TimeoutError):
            async with asyncio.timeout(CANCEL_S):
                await self._ask(dict[str, bool], "POST", "/cancel", json={"id": command_id})

    async def _ask(self, type: Any, method: str, path: str, **given: Any) -> Any:
        async with self._answer(method, path, **given) as answer:
            try:
                return msgspec.json.decode(await _body(answer, ANSWER_BYTES_MAX), type=type)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                raise Unreachable("something else answers in the sandbox's place") from None

    @asynccontextmanager
    async def _answer(self, method: str, path: str, **given: Any) -> AsyncIterator[httpx.Response]:
        try:
            async with self._http.stream(method, path, **given) as answer:
                if answer.status_code != httpx.codes.OK:
                    await _refuse(answer)
                yield answer
        except httpx.HTTPError as error:
            raise Unreachable(f"the sandbox does not answer ({type(error).__name__})") from None
        except (msgspec.MsgspecError, UnicodeError, struct.error):
            raise Unreachable("something else answers in the sandbox's place") from None


async def _refuse(answer: httpx.Response) -> NoReturn:
    body = await _body(answer, FRAME_BYTES_MAX)
    try:
        message = msgspec.json.decode(body, type=dict[str, str]).get("error", "")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        message = ""
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise WrongSecret("the sandbox refused with HTTP 401")
    if answer.status_code == httpx.codes.FORBIDDEN or not message:
        raise Unreachable(f"the sandbox refused with HTTP {answer.status_code}")
    raise SandboxError(message[:1_000])


async def _body(answer: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > most:
            raise Unreachable("the sandbox answers with more than it was asked for")
    return bytes(body)


async def _frames(answer: httpx.Response) -> AsyncIterator[tuple[bytes, bytes]]:
    waiting = bytearray()
    async for piece in answer.aiter_raw():
        waiting += piece
        while len(waiting) >= FRAME_HEAD:
            (length,) = struct.unpack_from(">I", waiting, 1)
            if length > FRAME_BYTES_MAX:
                raise Unreachable("something else answers in the sandbox's place")
            if len(waiting) < FRAME_HEAD + length:
                break
            yield bytes(waiting[:1]), bytes(waiting[FRAME_HEAD : FRAME_HEAD + length])
            del waiting[: FRAME_HEAD + length]


def _exit(ended: ExitFrame, timeout_s: float) -> ExitStatus:
    reasons = {"time": f"not done within {math.floor(timeout_s * 1_000) / 1_000:g} s", "output": "it wrote too much"}
    return ExitStatus(ended.code, reasons.get(ended.stopped, ended.stopped))
