"""Client: a socket that reads frames with as little work as Python can do, and notes when each came."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from protocol import SUBPROTOCOL_JSON

TURN_S = 120.0
_ENDS = frozenset({"turn_complete", "interrupted", "error"})


class Frame(msgspec.Struct):
    """The parts of any frame that are looked at; `size`: its bytes, put in by the client."""

    type: str
    seq: int = 0
    session_id: str = ""
    epoch: str = ""
    recovered: bool = False
    offset: int = 0
    text: str = ""
    kind: str = "text"
    code: str = ""
    message: object = None
    size: int = 0


class Turn(msgspec.Struct):
    """A turn as one client received it. `arrivals`: monotonic ns and the text that came then; `text`: the chunks put together."""

    arrivals: list[tuple[int, str]] = []
    text: str = ""
    whole: str | None = None
    frames: int = 0
    messages: int = 0
    ended_by: str = ""


class TurnFailed(Exception):
    """The server refused something or a turn failed."""


_decoder = msgspec.json.Decoder(Frame)


class Client:
    """One socket, after `ready` and `synced`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.session_id = ""
        self.ready = Frame("")
        self.past: list[Frame] = []
        """What came between `ready` and `synced`: the replay, or the snapshot."""

    async def message(self) -> list[Frame]:
        """The frames of the next websocket message."""
        data = await self._socket.recv(decode=False)
        frames = []
        for line in data.split(b"\n"):
            frame = _decoder.decode(line)
            frame.size = len(line)
            frames.append(frame)
        return frames

    async def greet(self) -> None:
        """Receive everything up to `synced`."""
        while True:
            for frame in await self.message():
                if frame.type == "ready":
                    self.session_id, self.ready = frame.session_id, frame
                elif frame.type == "synced":
                    return
                else:
                    self.past.append(frame)

    async def submit_input(self, text: str) -> None:
        """Submit a user input."""
        await self._send({"type": "user_input", "text": text})

    async def interrupt(self) -> None:
        """Submit an interrupt."""
        await self._send({"type": "interrupt"})

    async def turn(self, text: str) -> Turn:
        """Submit a user input and receive the answer to its end. Raises `TurnFailed`."""
        await self.submit_input(text)
        return await self.receive_turn()

    async def receive_turn(self, until_chars: int | None = None) -> Turn:
        """Receive a turn to its end, or until its text is this long. Raises `TurnFailed`."""
        turn = Turn()
        async with asyncio.timeout(TURN_S):
            while not turn.ended_by and (until_chars is None or len(turn.text) < until_chars):
                frames = await self.message()
                now = time.monotonic_ns()
                turn.messages += 1
                for frame in frames:
                    take(turn, frame, now)
        return turn

    async def _send(self, frame: dict[str, str]) -> None:
        await self._socket.send(msgspec.json.encode(frame), text=True)


def take(turn: Turn, frame: Frame, now: int) -> None:
    """Add one frame to the turn. Raises `TurnFailed`."""
    turn.frames += 1
    if frame.type == "assistant_chunk":
        if frame.kind == "text":
            fresh = frame.text[max(0, len(turn.text) - frame.offset) :]
            turn.arrivals.append((now, fresh))
            turn.text = turn.text[: frame.offset] + frame.text
    elif frame.type == "assistant_message":
        turn.whole = frame.text
    elif frame.type in ("refused", "error"):
        raise TurnFailed(f"{frame.type}: {frame.code}: {frame.message}")
    elif frame.type in _ENDS:
        turn.ended_by = frame.type


@contextlib.asynccontextmanager
async def client(url: str, compression: str | None = None) -> AsyncIterator[Client]:
    """A socket at `url`, up to date. `compression`: "deflate" offers it."""
    async with connect(
        url,
        subprotocols=[Subprotocol(SUBPROTOCOL_JSON)],
        compression=compression,
        proxy=None,
        max_size=2**26,
        max_queue=None,
        ping_interval=None,
        open_timeout=60,
        close_timeout=5,
    ) as socket:
        opened = Client(socket)
        async with asyncio.timeout(TURN_S):
            await opened.greet()
        yield opened
