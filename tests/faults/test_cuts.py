"""Cut sockets: whenever and however a connection ends, the client that comes back has the view of one that never left."""

import asyncio
import contextlib
import copy
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.util.tasks import TaskOwner
from clients.session.client import SessionClient
from clients.session.core import Position
from clients.session.outcomes import Fault, FeedItem, ViewReset
from clients.session.reconnect import Backoff
from clients.session.view import at_rest
from protocol import codec
from protocol import events as ev
from protocol.view import View, apply
from server.config.settings import Settings
from tests.faults.harness.clients import PATIENCE_S, Encoding, Persistent
from tests.faults.harness.lengths import fresh_seed, length
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import Address, client
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Reason,
    Request,
    ScriptedModel,
    Tokens,
    calls,
    stream,
    text,
)
from tests.support.network.tcp_link import Direction
from tests.support.network.tcp_proxy import TcpProxy
from tests.unit.clients.session.recorded import encoded

CUTS_A_ROUND = length(60, 120)
ROUNDS = length(1, 30)
POSITIONS = length(30, 500)
QUICK = Backoff(base_s=0.005, cap_s=0.05)
SILENCE_S = 1.0
ENCODINGS: list[Encoding] = ["json", "msgpack"]


def impatient(tmp_path: Path, model: ScriptedModel) -> Settings:
    """Settings under which a dead connection is noticed soon, by either side."""
    bounds = {
        "heartbeat_s": SILENCE_S / 2,
        "ping_interval_s": 1.0,
        "ping_timeout_s": 1.0,
        "send_timeout_s": 1.0,
        "close_grace_s": 0.2,
        "sockets_per_session_max": 1_000,
    }
    return settings_for(tmp_path / "data", model, socket=bounds)


def talkative(rng: random.Random) -> Callable[[Request], Answer]:
    """A model that says something of each kind, at a pace that leaves time to cut in the middle."""

    def answer(request: Request) -> Answer:
        if request.messages[-1]["role"] == "tool":
            return text("It ", "is ", "done.", every=0.002)
        number = len(request.messages)
        match rng.randrange(5):
            case 0:
                return stream(Reason("Let me "), Reason("see. ", 0.002), Tokens(rng.randrange(60), 0.001), Finish())
            case 1:
                return calls(Call("list", {}, id=f"l{number}"), before="I look ")
            case 2:
                write = Call("write", {"path": "a.txt", "content": "x" * rng.randrange(3_000)}, id=f"w{number}")
                return calls(write, Call("list", {}, id=f"l{number}"), before="I ask ")
            case 3:
                return stream(Tokens(rng.randrange(2_000)), Finish())
            case _:
                return stream(Tokens(rng.randrange(10, 100), 0.001, text="über-Wörter 🙂 "), Finish())

    return answer


class Cutter:
    """Ends the connections of one proxy at random moments and in every way, `count` times."""

    def __init__(self, proxy: TcpProxy, rng: random.Random, count: int, tally: Counter[str]) -> None:
        self._proxy, self._rng, self._count, self._tally = proxy, rng, count, tally

    async def run(self) -> None:
        ways = [self._by_bytes] * 5 + [self._now] * 3 + [self._refuse, self._vanish, self._narrow]
        for _ in range(self._count):
            await self._proxy.until(lambda proxy: bool(proxy.links), PATIENCE_S)
            await self._rng.choice(ways)()
            self._tally["cuts"] += 1

    async def _by_bytes(self) -> None:
        direction: Direction = self._rng.choice(("down", "down", "up"))
        least = 200 if direction == "up" else 1  # an upgrade request has some; fewer: nobody would get in
        count = self._rng.randrange(least, self._rng.choice((400, 1_500, 6_000)))
        fired = self._proxy.cut_after(count, direction, hard=self._rng.random() < 0.7)
        try:
            async with asyncio.timeout(0.5):
                await fired.wait()
        except TimeoutError:
            await self._now()

    async def _now(self) -> None:
        await asyncio.sleep(self._rng.uniform(0, 0.03))
        await self._proxy.cut(hard=self._rng.random() < 0.7)

    async def _refuse(self) -> None:
        await self._proxy.refuse()
        await self._proxy.cut()
        await asyncio.sleep(self._rng.uniform(0, 0.03))
        await self._proxy.accept()

    async def _vanish(self) -> None:
        """Nobody is told: both sides believe in the old connection for a while, or for good."""
        self._proxy.blackhole()
        await asyncio.sleep(self._rng.uniform(0, 0.2))
        if self._rng.random() < 0.5:
            await self._proxy.cut()
        self._proxy.flow()

    async def _narrow(self) -> None:
        self._proxy.limit_rate(30_000)
        await asyncio.sleep(self._rng.uniform(0, 0.1))
        await self._proxy.cut()
        self._proxy.limit_rate(None)


class Reader:
    """Reads the feed of a session client and knows what somebody knows who folds it, once each."""

    def __init__(self, one: SessionClient, view: View) -> None:
        self.one, self.view = one, view
        self._changed = asyncio.Event()

    async def run(self) -> None:
        async for item in self.one:
            self._take(item)
            self._changed.set()

    async def until(self, seq: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.view.seq < seq:
                await self._changed.wait()
                self._changed.clear()

    def _take(self, item: FeedItem) -> None:
        assert not isinstance(item, Fault), item
        if isinstance(item, ViewReset):
            self.view = item.view
        elif isinstance(item, ev.EventBase):
            assert ev.first_seq(item) <= self.view.seq + 1 <= item.seq, "a gap, or an event twice"
            apply(self.view, codec.decode_event(codec.encode(item)))


async def talk(stayed: Persistent, speakers: Sequence[SessionClient], cutting: "asyncio.Future[Any]") -> int:
    """Turn after turn until the cutting is over; how many."""
    turns = 0
    while turns == 0 or not cutting.done():
        speaker = speakers[turns % len(speakers)]
        accepted_seq = (await speaker.say(f"turn {turns}")).seq
        await stayed.until(lambda one, seq=accepted_seq: one.view.seq >= seq)  # type: ignore[misc]  # a default binds it
        turns += 1
        while True:
            await stayed.until(lambda one: at_rest(one.view) or bool(one.view.pending_approval))
            if not stayed.view.pending_approval:
                break
            call = stayed.view.pending_approval[0].tool_call_id
            await speaker.approve(call, turns % 3 > 0)
            await stayed.until(lambda one, call=call: call not in waiting_calls(one.view))  # type: ignore[misc]  # as above
    return turns


def waiting_calls(view: View) -> set[str]:
    return {pending.tool_call_id for pending in view.pending_approval}


async def one_round(server: ServerProcess, seed: int, cuts: int, tally: Counter[str]) -> Persistent:
    """A session with five clients, four of whom are cut off again and again; the one that stayed, at the end."""
    rng = random.Random(seed)
    here = Address(server.port)
    async with client(here) as first:
        session_id = (await first.synced()).ready.session_id
        model = first.ready.model
    tasks = TaskOwner("cuts")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(tasks.aclose)
        proxies = [await stack.enter_async_context(TcpProxy("127.0.0.1", server.port)) for _ in range(4)]
        one, two, three, four = (Address(proxy.port) for proxy in proxies)
        stayed = Persistent(here, session_id, whole=True, keep_events=True)
        goes_back = Persistent(one, session_id, encoding="json", habit="back", silence_s=SILENCE_S, whole=True)
        keeps = Persistent(two, session_id, encoding="msgpack", habit="synced", silence_s=SILENCE_S)
        running = [tasks.start(each.run(), "plain") for each in (stayed, goes_back, keeps)]
        await stayed.until_live()
        json = SessionClient(three.http, session_id, position=Position("", 0), backoff=QUICK)
        msgpack = SessionClient(four.http, session_id, encoding="msgpack", backoff=QUICK)
        for session_client in (json, msgpack):
            await stack.enter_async_context(session_client)
        readers = [Reader(json, View(model=model)), Reader(msgpack, View())]
        reading = [tasks.start(reader.run(), "reader") for reader in readers]
        cutters = [Cutter(proxy, random.Random(rng.random()), cuts // 4, tally) for proxy in proxies]
        cutting = asyncio.gather(*(tasks.start(cutter.run(), "cutter") for cutter in cutters))
        turns = await talk(stayed, (json, msgpack), cutting)
        await cutting
        head, view = stayed.view.seq, encoded(stayed.view)
        for plain in (goes_back, keeps):
            await plain.until(lambda it: it.view.seq == head and it.position is not None)
            assert encoded(plain.view) == view
        for reader in readers:
            await reader.until(head)
            assert encoded(reader.view) == encoded(reader.one.view) == view
        assert not any(task.done() for task in [*running, *reading])
        assert sum(isinstance(event, ev.Processing) for event in stayed.events) == turns, "said once, done once"
        tally["turns over cut sockets"] += turns
    return stayed


@pytest.mark.timeout(length(120, 3_600))
async def test_clients_cut_at_random_moments_end_with_the_view_of_one_that_never_left(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    async with ScriptedModel(talkative(random.Random(seed))) as model:
        async with ServerProcess(zygote, tmp_path, impatient(tmp_path, model)) as server:
            await server.start()
            for number in range(ROUNDS):
                stayed = await one_round(server, seed + number, CUTS_A_ROUND, tally)
                await from_positions(Address(server.port), stayed, random.Random(seed), POSITIONS)
            assert await server.terminate() == 0
            assert "Traceback" not in server.stderr


async def from_positions(here: Address, stayed: Persistent, rng: random.Random, most: int) -> None:
    """Come back from each position of the session, or from `most` of them: each time to the view of the one that stayed."""
    wanted = encoded(stayed.view)
    chosen = set(rng.sample(range(stayed.view.seq + 1), min(most, stayed.view.seq + 1)))
    epoch = stayed.position[0] if stayed.position else ""
    view = View(model=stayed.view.model)
    for number, event in enumerate([None, *stayed.events]):
        if event is not None:
            apply(view, codec.decode_event(codec.encode(event)))
        if view.seq in chosen:
            encoding = ENCODINGS[number % 2]
            query = {"after": view.seq, "epoch": epoch}
            async with client(here, stayed.session_id, encoding=encoding, view=copy.deepcopy(view), **query) as back:
                await back.synced()
                assert back.ready.recovered
                assert encoded(back.view) == wanted
