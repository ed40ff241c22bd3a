"""AHP: what a client of the Agent Host Protocol costs the server a token, over real sockets, beside one of our own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from statistics import median
from typing import Any, Literal
from uuid import UUID

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.client import TURN_S, Client, TurnFailed, client
from benchmarks.pairs import in_turn
from benchmarks.processes import Server, scripted_model, server
from benchmarks.table import Row

MODEL = "openai/scripted"
ADDED_US_MAX = 15.0
Kind = Literal["ahp", "ws"]


class Size(msgspec.Struct, frozen=True):
    """How much is measured: a turn of `tokens`, one each `every_ms`, so that each is sent alone, to so many `followers` of its session."""

    tokens: int = 300
    every_ms: int = 10
    followers: int = 20
    pairs: int = 5


FULL = Size()


class AhpClient:
    """A socket of an editor that is subscribed to a session and its chat."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._requests = 0

    async def open(self, session_id: str) -> None:
        """Say who it is, and subscribe."""
        await self._request("initialize", protocolVersions=["0.9.0"], clientId="benchmark")
        state = (await self._request("subscribe", channel=f"holdfast:/{UUID(session_id)}"))["snapshot"]["state"]
        await self._request("subscribe", channel=state["defaultChat"])

    async def answer(self) -> str:
        """Receive the answer of a turn to its end: its text. Raises `TurnFailed`."""
        answer = ""
        while True:
            frame = await self._receive()
            told: dict[str, Any] = frame["params"]["action"] if frame.get("method") == "action" else {"type": ""}
            if told["type"] == "chat/responsePart":
                answer += told["part"]["content"]
            elif told["type"] == "chat/delta":
                answer += told["content"]
            elif told["type"] == "chat/error":
                raise TurnFailed(str(told))
            elif told["type"] == "chat/turnComplete":
                return answer

    async def _request(self, method: str, **params: Any) -> Any:
        self._requests += 1
        await self._send({"id": self._requests, "method": method, "params": {"channel": "ahp-root://", **params}})
        while True:
            frame = await self._receive()
            if frame.get("id") == self._requests:
                return frame["result"]

    async def _send(self, call: dict[str, Any]) -> None:
        await self._socket.send(msgspec.json.encode({"jsonrpc": "2.0", **call}), text=True)

    async def _receive(self) -> dict[str, Any]:
        return msgspec.json.decode(await self._socket.recv(decode=False), type=dict[str, Any])


@contextlib.asynccontextmanager
async def ahp_client(target: Server, session_id: str) -> AsyncIterator[AhpClient]:
    """A client that follows the session."""
    url = f"{target.socket_url.removesuffix('/ws')}/ahp"
    async with connect(url, compression=None, proxy=None, max_size=2**26, max_queue=None, ping_interval=None) as socket:
        opened = AhpClient(socket)
        await opened.open(session_id)
        yield opened


async def measure(size: Size = FULL) -> list[Row]:
    """The same server with followers of each kind, in turn."""
    async with scripted_model() as api_base, server(api_base, MODEL, {"compatible": {"ahp": True}}) as target:
        both: tuple[Kind, Kind] = ("ahp", "ws")
        values = await in_turn(both, lambda kind: follower_us(target, kind, size), size.pairs)
    added = median(ahp - ws for ahp, ws in values)
    return [
        Row(
            figure="CPU a token for one more follower, a client of the Agent Host Protocol",
            ours=median(ahp for ahp, _ in values),
            unit="µs",
            floor=median(ws for _, ws in values),
            floor_is="a socket of ours",
            bound=f"at most {ADDED_US_MAX:g} µs more; it is {added:.1f}",
            within=added <= ADDED_US_MAX,
        )
    ]


async def follower_us(target: Server, kind: Kind, size: Size) -> float:
    """What each follower adds to a token, in µs of CPU. Raises `TurnFailed`."""
    alone = await _turn_us(target, kind, msgspec.structs.replace(size, followers=0))
    return (await _turn_us(target, kind, size) - alone) / size.followers


async def _turn_us(target: Server, kind: Kind, size: Size) -> float:
    """The CPU µs of each token of a turn with its followers."""
    words = f"tokens={size.tokens} every_ms={size.every_ms}"
    async with contextlib.AsyncExitStack() as sockets, asyncio.timeout(TURN_S):
        driver = await sockets.enter_async_context(client(target.socket_url))
        answers: list[Callable[[], Awaitable[str]]] = []
        for _ in range(size.followers):
            if kind == "ahp":
                answers.append((await sockets.enter_async_context(ahp_client(target, driver.session_id))).answer)
            else:
                own = await sockets.enter_async_context(client(f"{target.socket_url}/{driver.session_id}"))
                answers.append(partial(_answer, own))
        before = await target.cpu_at_rest_s()
        texts = await asyncio.gather(_said(driver, words), *(answer() for answer in answers))
        spent = await target.cpu_at_rest_s() - before
    if len(texts[0].split()) != size.tokens or any(text != texts[0] for text in texts):
        raise TurnFailed("a client did not get the text")
    return spent / size.tokens * 1e6


async def _said(driver: Client, words: str) -> str:
    return (await driver.turn(words)).text


async def _answer(follower: Client) -> str:
    return (await follower.receive_turn()).text
