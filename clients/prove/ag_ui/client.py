"""Client: asks an AG-UI endpoint for runs, again after each cut, and writes the trace."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec

from clients.prove.ag_ui.conversation import Conversation, events_of
from clients.prove.ag_ui.order import Event, Order
from clients.prove.attendee import COME_BACK_S, Changes, Refusal
from clients.prove.trace import Closed, Entry, Opened, Received, Waited
from protocol import codec
from protocol import events as ev
from protocol.frames import Frame, Ready, Synced
from protocol.limits import Limits

TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
"""HTTP answers after which the same run is asked for again."""


class Client:
    """One client. `waits`: the interrupts that its last run ended with; `events`: how many it got; `asks`: a run is under way."""

    def __init__(
        self, name: str, url: str, thread_id: str, http: httpx.AsyncClient, trace: list[Entry], changes: Changes
    ) -> None:
        self.name = name
        self.url = url
        self.conversation = Conversation()
        self.waits: list[Event] = []
        self.events = 0
        self.asks = False
        self.refusal: Refusal | None = None
        self.comes_back = False
        self._thread_id = thread_id
        self._http = http
        self._trace = trace
        self._changes = changes
        self._shown: list[ev.Event] | None = None
        self._leaving = False

    def leave(self) -> None:
        """Do not come back."""
        self._leaving = True

    async def run(self, *, run_id: str = "", resume: Sequence[Event] = (), anew: bool = False) -> None:
        """One run, asked for until it has its end. `resume`: answers to interrupts; `anew`: the client knows of no message."""
        if anew:
            self.conversation, self._shown = Conversation(), None
        self.asks, self.waits = True, []
        try:
            while not self._leaving:
                over = await self._ask(run_id or f"run-{secrets.token_hex(6)}", resume)
                if over and (self.waits or not self.conversation.run_calls()):
                    break
                await asyncio.sleep(COME_BACK_S)
        except Refusal as refusal:
            self.refusal = refusal
        self.asks = False
        self.show()
        self._changes.notify()

    async def _ask(self, run_id: str, resume: Sequence[Event]) -> bool:
        """Ask once; whether the run is over. Raises `Refusal`."""
        order = Order(self._thread_id, run_id, self.conversation.calls)
        asked = body(self._thread_id, run_id, self.conversation.messages, resume)
        whole = False
        try:
            async with self._http.stream("POST", self.url, json=asked, headers=SSE) as answer:
                if answer.status_code in TRY_AGAIN:
                    return False
                if answer.status_code != 200:
                    text = (await answer.aread()).decode(errors="replace")
                    raise Refusal(f"POST {self.url}: {answer.status_code} {text[:200]}")
                async for data in read_data(answer):
                    self._take(data, order)
                whole = answer.headers.get("transfer-encoding") == "chunked"
        except httpx.HTTPError as error:
            if order.last is None and not self.comes_back:
                raise Refusal(f"the connection broke, and the endpoint keeps no runs: {error!r}") from error
        if order.last is None and whole:
            self._trace.append(Received(self.name, "the answer ended without the end of its run"))
            return True
        if order.last is not None and order.last["type"] == "RUN_ERROR":
            self._failed(str(order.last.get("message")))
        return order.last is not None

    def _failed(self, message: str) -> None:
        if not self._shown:
            raise Refusal(f"the first run failed: {message}")
        self._trace.append(Waited(self.name, f"the end of a run, which failed: {message}", 0.0))

    def _take(self, data: str, order: Order) -> None:
        try:
            event = msgspec.json.decode(data, type=dict[str, Any])
        except msgspec.MsgspecError:
            self._trace.append(Received(self.name, f"this is no event: {data[:200]}"))
            return
        if str(event.get("type")).endswith("_CHUNK"):
            raise Refusal(f"the endpoint sends {event['type']}, which is not followed here")
        wrong = order.take(event)
        if wrong:
            self._trace.append(Received(self.name, wrong))  # the checker says that it is torn
        if event.get("type") == "MESSAGES_SNAPSHOT":
            self._shown = None
        self.conversation.take(event)
        outcome = event.get("outcome")
        if isinstance(outcome, dict):
            self.waits = list(outcome.get("interrupts") or ())
        self.events += 1
        self._changes.notify()

    def show(self) -> None:
        """Write down what the conversation has become."""
        events = events_of(self.conversation.messages, at_rest=self.conversation.at_rest)
        shown = self._shown
        if shown is not None and _same(shown, events[: len(shown)]):
            self._receive(events[len(shown) :])
        else:
            self._trace += [Closed(self.name), Opened(self.name, 0)]
            self._receive([opening(len(events)), *events, Synced(seq=len(events))])
        self._shown = events

    def _receive(self, frames: Sequence[Frame]) -> None:
        self._trace += [Received(self.name, codec.encode(frame).decode()) for frame in frames]


SSE = {"Accept": "text/event-stream"}


def body(thread_id: str, run_id: str, messages: Sequence[Event], resume: Sequence[Event] = ()) -> Event:
    """A `RunAgentInput`."""
    asked: Event = {"threadId": thread_id, "runId": run_id, "messages": list(messages)}
    asked |= {"state": {}, "tools": [], "context": [], "forwardedProps": {}}
    return {**asked, "resume": list(resume)} if resume else asked


async def read_data(answer: httpx.Response) -> AsyncIterator[str]:
    """The data of server-sent events."""
    data: list[str] = []
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


def opening(seq: int) -> Frame:
    """What a server would say that has all after the beginning."""
    return Ready(
        session_id="thread",
        epoch="ag-ui",
        seq=seq,
        recovered=True,
        state="idle",
        model="agent",
        demo=False,
        limits=Limits(),
        server="an AG-UI endpoint",
    )


def _same(one: Sequence[ev.Event], other: Sequence[ev.Event]) -> bool:
    return msgspec.json.encode(one) == msgspec.json.encode(other)
