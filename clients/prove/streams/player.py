"""Player for Durable Streams: appends, has readers come and go, and takes the steps of a case."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec

from clients.prove import steps as st
from clients.prove.attendee import COME_BACK_S, SILENCE_S, Changes, Refusal
from clients.prove.ground import Ground, Target
from clients.prove.links import Links
from clients.prove.player import AFTERWARDS_S
from clients.prove.streams.messages import Message, data_of, event_of, opening, submission_of, synced
from clients.prove.streams.reader import Reader
from clients.prove.trace import WITNESS, Entry, Opened, Received, Sent, Waited
from clients.session.tasks import Start, owned_tasks

WRITER = "writer"
JSON = {"Content-Type": "application/json"}


async def play(target: Target, steps: Sequence[st.Step]) -> list[Entry]:
    """The trace of these steps on a new stream below the target's URL, read by a witness at the end. Raises `Refusal`."""
    trace: list[Entry] = []
    links = Links(target.url)
    async with links.running(), owned_tasks() as start:
        async with httpx.AsyncClient(timeout=SILENCE_S, trust_env=False) as http:
            player = _Player(target, links, trace, start, http)
            try:
                await player.create()
                for step in steps:
                    if not player.stuck:
                        await player.take(step)
                await player.end()
            finally:
                player.leave()
    return trace


class _Player:
    def __init__(self, target: Target, links: Links, trace: list[Entry], start: Start, http: httpx.AsyncClient) -> None:
        parts = urlsplit(target.url)
        path = f"{parts.path.rstrip('/')}/prove-{secrets.token_hex(6)}"
        self._direct = urlunsplit(parts._replace(path=path))
        self._through = urlunsplit(("http", f"127.0.0.1:{links.port}", path, "", ""))
        if parts.scheme == "https":
            self._through = self._direct  # a certificate is not for the proxy's address
        self._target = target
        self._links = links
        self._ground = Ground(target, links, trace)
        self._trace = trace
        self._start = start
        self._http = http
        self._changes = Changes()
        self._readers: dict[str, Reader] = {}
        self._messages: dict[str, Message] = {}
        self.stuck = False

    async def create(self) -> None:
        """Make the stream. Raises `Refusal`."""
        answer = await self._http.put(self._direct, headers=JSON)
        if answer.status_code not in (200, 201):
            raise Refusal(f"PUT {self._direct}: {answer.status_code} {answer.text[:200]}")
        self._trace.append(Opened(WRITER, 0))
        self._trace += [Received(WRITER, data_of(frame)) for frame in (opening(0), synced(0))]

    async def take(self, step: st.Step) -> None:
        """Take one step."""
        match step:
            case st.Open():
                self._open(step)
            case st.Leave():
                if step.client in self._readers:
                    self._readers.pop(step.client).leave()
            case st.Say():
                await self._append(step)
            case st.Until():
                await self._until(step)
            case _:
                await self._ground.take(step)

    async def end(self) -> None:
        """Let everything pass until all readers have everything, then have a witness read the stream."""
        self._links.free()
        for one in list(self._readers.values()):
            await self._wait(one, lambda it: it.number >= len(self._messages) and it.ready, "the last message")
        witness = Reader(WITNESS, self._direct, self._trace, self._changes, live="")
        self._readers[WITNESS] = witness
        self._start(witness.run(), "prove witness")
        await self._wait(witness, lambda it: it.ready, "the end of the stream")

    def leave(self) -> None:
        """Have all readers go."""
        for one in self._readers.values():
            one.leave()

    def _open(self, step: st.Open) -> None:
        live = "long-poll" if step.client.startswith("poll") else "sse"
        url = self._direct if step.stays else self._through
        one = self._readers[step.client] = Reader(step.client, url, self._trace, self._changes, live=live)
        like = self._readers.get(step.like)
        if step.at == "position" and like is not None:
            told = sorted(like.offsets)
            number = told[min(len(told) - 1, int(step.position * len(told)))]
            one.begin_at(number, like.offsets[number], step.like)
        self._start(one.run(), f"prove {step.client}")

    async def _append(self, step: st.Say) -> None:
        """Append, and send it again until there is an answer."""
        known = self._messages.get(step.id)
        message = known or Message(len(self._messages) + 1, step.id, step.text)
        self._messages[step.id] = message
        numbers = {"Producer-Id": "prove", "Producer-Epoch": "0", "Producer-Seq": str(message.number - 1)}
        try:
            async with asyncio.timeout(self._target.patience_s):
                while True:
                    self._trace.append(Sent(WRITER, submission_of(message)))
                    try:
                        body = msgspec.json.encode(message)
                        answer = await self._http.post(self._through, content=body, headers={**JSON, **numbers})
                    except httpx.HTTPError:
                        await asyncio.sleep(COME_BACK_S)
                        continue
                    if answer.status_code in (200, 204):
                        self._trace.append(Received(WRITER, data_of(event_of(message))))
                        return
                    if answer.status_code < 500 and answer.status_code != 429:
                        raise Refusal(f"POST {self._direct}: {answer.status_code} {answer.text[:200]}")
                    await asyncio.sleep(COME_BACK_S)
        except TimeoutError:
            self._gave_up(WRITER, f"the answer to message {message.number}", self._target.patience_s)

    async def _until(self, step: st.Until) -> None:
        if step.client not in self._readers:
            return
        one = self._readers[step.client]
        goal = len(self._messages) if step.what == "rest" else one.number + step.events
        await self._wait(one, lambda it: it.number >= min(goal, len(self._messages)), f"message {goal}")

    async def _wait(self, one: Reader, holds: Callable[[Reader], bool], what: str) -> None:
        patience_s = min(self._target.patience_s, AFTERWARDS_S) if self.stuck else self._target.patience_s
        try:
            async with asyncio.timeout(patience_s):
                while one.refusal is None and not holds(one):
                    await self._changes.wait()
        except TimeoutError:
            self._gave_up(one.name, what, patience_s)

    def _gave_up(self, name: str, what: str, seconds: float) -> None:
        self.stuck = True
        self._trace.append(Waited(name, what, seconds))
