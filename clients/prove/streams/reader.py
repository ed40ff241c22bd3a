"""Reader: follows one stream, comes back with its last offset after each cut, and writes the trace."""

import asyncio
import contextlib

import httpx
import msgspec

from clients.prove.attendee import COME_BACK_S, SILENCE_S, Changes, Refusal
from clients.prove.streams.messages import Message, data_of, event_of, opening, read_messages, synced
from clients.prove.trace import Closed, Denied, Entry, Opened, Received

BEGINNING = "-1"
NEXT, UP_TO_DATE = "stream-next-offset", "stream-up-to-date"


class Control(msgspec.Struct, rename="camel"):
    """The event `control` of a stream of server-sent events."""

    stream_next_offset: str
    up_to_date: bool = False


class Reader:
    """One reader. `number`: of the last message it has; `offsets`: those that it was told, by the number of the message before."""

    def __init__(self, name: str, url: str, trace: list[Entry], changes: Changes, *, live: str) -> None:
        """`live`: `sse`, `long-poll`, or nothing: it reads what there is, and ends."""
        self.name = name
        self.url = url
        self.number = 0
        self.offsets: dict[int, str] = {0: BEGINNING}
        self.at = 0
        self.like = ""
        self.ready = False
        self.refusal: Refusal | None = None
        self._trace = trace
        self._changes = changes
        self._live = live
        self._leaving = False

    def begin_at(self, number: int, offset: str, like: str) -> None:
        """Begin behind this message, as this reader who had it."""
        self.number = self.at = number
        self.like = like
        self.offsets = {number: offset}

    async def run(self) -> None:
        """Read until it leaves, or, where it is not live, until it has all."""
        async with httpx.AsyncClient(timeout=SILENCE_S, trust_env=False, http2=False) as http:
            while not self._leaving and self.refusal is None and (self._live or not self.ready):
                with contextlib.suppress(httpx.HTTPError, ValueError):
                    await self._attend(http)
                self._changes.notify()
                await asyncio.sleep(COME_BACK_S)

    def leave(self) -> None:
        """Do not come back."""
        self._leaving = True

    async def _attend(self, http: httpx.AsyncClient) -> None:
        """One stream of server-sent events, or long polls until one fails."""
        opened = False
        try:
            while True:
                asked = {"offset": self.offsets[self.at], **({"live": self._live} if self._live else {})}
                async with http.stream("GET", self.url, params=asked) as answer:
                    if answer.status_code >= 400:
                        return await self._refused(answer)
                    if not opened:
                        opened = True
                        self._trace.append(Opened(self.name, self.at, self.like))
                        self.like = ""
                        self._receive(data_of(opening(self.at)))
                        self.ready = False
                    if self._live == "sse":
                        return await self._events(answer)
                    if answer.status_code != 204:
                        self._take(await self._body(answer))
                    self._control(answer.headers[NEXT], up_to_date=UP_TO_DATE in answer.headers)
                if self._leaving or (not self._live and self.ready):
                    return None
        finally:
            if opened:
                self._trace.append(Closed(self.name))

    async def _refused(self, answer: httpx.Response) -> None:
        text = f"{answer.status_code}: {await self._body(answer)}"[:300]
        if answer.status_code < 500 and answer.status_code != 429:
            self.refusal = Refusal(text)
            self._trace.append(Denied(self.name, text))

    async def _body(self, answer: httpx.Response) -> str:
        return (await answer.aread()).decode(errors="replace")

    async def _events(self, answer: httpx.Response) -> None:
        kind, data = "", []
        async for line in answer.aiter_lines():
            field, _, value = line.partition(":")
            if field == "event":
                kind = value.strip()
            elif field == "data":
                data.append(value.removeprefix(" "))
            elif not line:
                if kind == "data":
                    self._take("\n".join(data))
                elif kind == "control":
                    control = msgspec.json.decode("\n".join(data), type=Control)
                    self._control(control.stream_next_offset, up_to_date=control.up_to_date)
                kind, data = "", []
            if self._leaving:
                return

    def _take(self, body: str) -> None:
        try:
            messages: list[Message] = read_messages(body) if body else []
        except ValueError:
            self._receive(body)  # the checker says that it is torn
            raise
        for message in messages:
            self._receive(data_of(event_of(message)))
            self.number = max(self.number, message.number)

    def _control(self, offset: str, *, up_to_date: bool) -> None:
        """The offset behind all that was read so far."""
        self.offsets[self.number] = offset
        self.at = self.number
        if up_to_date and not self.ready:
            self._receive(data_of(synced(self.number)))
            self.ready = True
        self._changes.notify()

    def _receive(self, data: str) -> None:
        self._trace.append(Received(self.name, data))
