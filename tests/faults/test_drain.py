"""Stop under load: every client gets the reason and reconnects to the restarted server by itself; nothing is lost, no client is refused."""

import asyncio
import contextlib
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.util.tasks import TaskOwner
from clients.session.client import SessionClient
from clients.session.outcomes import Reconnecting
from clients.session.reconnect import Backoff
from clients.session.view import at_rest
from protocol import events as ev
from protocol.submissions import UserInput
from server.config.settings import Settings
from tests.faults.harness.clients import PATIENCE_S, Persistent
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
)
from tests.support.network.bare_http import request
from tests.support.network.ports import free_port
from tests.support.network.tcp_proxy import TcpProxy
from tests.unit.clients.session.recorded import encoded

SESSIONS = length(4, 40)
RESTARTS = length(2, 50)
QUICK = Backoff(base_s=0.02, cap_s=0.1)


def busy(request: Request) -> Answer:
    """A model that always has something to say, for a while."""
    if request.messages[-1]["role"] == "tool":
        return stream(Tokens(20, 0.002), Finish())
    if len(request.messages) % 3 == 0:
        return calls(Call("list", {}, id=f"l{len(request.messages)}"), before="I look ")
    return stream(Reason("Let me "), Reason("see. ", 0.002), Tokens(60, 0.002), Finish())


def settings_of(folder: Path, model: ScriptedModel, **socket_settings: float) -> Settings:
    many = {"awake_max": 1_000, "awake_max_per_user": 1_000}
    return settings_for(folder / "data", model, sessions=many, socket=socket_settings)


class Talker:
    """A session's client that says one thing after another and keeps count; its reader notes why its sockets ended."""

    def __init__(self, one: SessionClient, plain: Persistent) -> None:
        self.one, self.plain = one, plain
        self.sent = 0
        self.endings: list[str] = []
        self.stop = False

    async def talk(self) -> None:
        while not self.stop:
            await self.one.say(f"number {self.sent}")
            self.sent += 1
            await self.one.wait_until(at_rest)

    async def read(self) -> None:
        async for item in self.one:
            if isinstance(item, Reconnecting):
                self.endings.append(item.why)


@contextlib.asynccontextmanager
async def talkers(here: Address) -> AsyncIterator[list[Talker]]:
    """Sessions at work, each with a session client that talks and a plain one that follows."""
    tasks = TaskOwner("talkers")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(tasks.aclose)
        there = []
        for number in range(SESSIONS):
            one = SessionClient(here.http, encoding=("json", "msgpack")[number % 2], backoff=QUICK)
            await stack.enter_async_context(one)
            talker = Talker(one, Persistent(here, one.session_id, whole=True, keep_events=True))
            running = [
                tasks.start(talker.plain.run(), "follow"),
                tasks.start(talker.talk(), "talk"),
                tasks.start(talker.read(), "read"),
            ]
            await talker.plain.until_live()
            there.append((talker, running))
        yield [talker for talker, _ in there]
        for talker, running in there:
            talker.stop = True
            async with asyncio.timeout(PATIENCE_S):
                await running[1]
            assert not running[0].done()


async def check(here: Address, talker: Talker, tally: Counter[str]) -> None:
    """What was said was done once, and both clients know what is in the journal."""
    plain = talker.plain
    async with client(here, plain.session_id, after=0) as whole:
        await whole.synced()
        await plain.until(lambda one: one.view.seq == whole.view.seq)
        whole.view.model = plain.view.model
        assert encoded(whole.view) == encoded(plain.view) == encoded(talker.one.view)
    accepted = [event.submission_id for event in plain.events if isinstance(event, ev.Accepted)]
    assert len(accepted) == len(set(accepted)) == talker.sent
    assert sum(isinstance(event, ev.Processing) for event in plain.events) == talker.sent
    assert plain.snapshots == 0
    tally["turns over restarts"] += talker.sent


@pytest.mark.timeout(length(120, 900))
async def test_after_a_stop_under_load_all_clients_resume_and_nothing_is_lost(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    rng = random.Random(fresh_seed())
    async with ScriptedModel(busy) as model:
        async with ServerProcess(zygote, tmp_path, settings_of(tmp_path, model)) as server:
            await server.start()
            here = Address(server.port)
            async with talkers(here) as there:
                for restart in range(1, RESTARTS + 1):
                    for talker in there:
                        await talker.plain.until_live()
                    await asyncio.sleep(rng.uniform(0, 0.1))
                    assert await server.terminate() == 0
                    await server.start()
                    tally["restarts under load"] += 1
                    for talker in there:
                        await talker.plain.until(lambda one, n=restart: len(one.endings) == n)  # type: ignore[misc]  # bound
            for talker in there:
                await check(here, talker, tally)
                assert [code for code, _ in talker.plain.endings] == [1001] * RESTARTS
                assert all(reason for _, reason in talker.plain.endings)
                restarts = [why for why in talker.endings if why.startswith("closed with")]
                # A client that was not back yet when the next stop came had no socket to be told on.
                assert 1 <= len(restarts) <= RESTARTS
                assert all(why.startswith("closed with 1001 the server is restarting") for why in restarts)
            assert "Traceback" not in server.stderr


class Knocker:
    """Connects again and again, and counts what became of it. A request cut short is sent again, as any proxy does."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.outcomes: Counter[str] = Counter()

    async def run(self) -> None:
        while True:
            self.outcomes[await self._knock()] += 1

    async def _knock(self) -> str:
        try:
            answer = await request(self.port, "/livez")
        except ConnectionRefusedError:
            return "refused"
        except ConnectionError:
            return "cut short"
        return "served" if answer.startswith(b"HTTP/1.1 200") else "cut short"


@pytest.mark.timeout(length(120, 900))
async def test_a_restart_on_an_inherited_socket_refuses_no_client(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    tasks = TaskOwner("knockers")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", free_port()))
        listener.listen(1_024)
        async with ScriptedModel(busy) as model:
            async with ServerProcess(zygote, tmp_path, settings_of(tmp_path, model), listener=listener) as server:
                await server.start()
                here = Address(server.port)
                knockers = [Knocker(server.port) for _ in range(3)]
                for knocker in knockers:
                    tasks.start(knocker.run(), "knock")
                async with talkers(here) as there:
                    for _ in range(RESTARTS):
                        assert await server.terminate() == 0
                        await server.start()
                        tally["restarts with a socket handed over"] += 1
                        for talker in there:
                            await talker.plain.until_live()
                for talker in there:
                    await check(here, talker, tally)
                    assert talker.plain.unreachable == 0
                await tasks.aclose()
                total = sum((knocker.outcomes for knocker in knockers), Counter[str]())
                print(f"{RESTARTS} restarts: {dict(total)}")
                assert total["refused"] == 0
                assert total["cut short"] <= RESTARTS * len(knockers)
                assert total["served"] > RESTARTS * len(knockers)


async def test_a_stop_with_a_stuck_client_ends_within_the_grace_period(zygote: Zygote, tmp_path: Path) -> None:
    much = stream(Tokens(20_000, text="a longer word of text "), Finish())
    async with ScriptedModel([much]) as model:
        settings = settings_of(tmp_path, model, send_timeout_s=600.0, close_grace_s=0.3)
        async with ServerProcess(zygote, tmp_path, settings) as server, TcpProxy("127.0.0.1", server.port) as proxy:
            await server.start()
            async with client(Address(server.port)) as talker, contextlib.AsyncExitStack() as stack:
                tasks = TaskOwner("stuck")
                stack.push_async_callback(tasks.aclose)
                stuck = Persistent(Address(proxy.port), (await talker.synced()).ready.session_id)
                tasks.start(stuck.run(), "stuck")
                await stuck.until_live()
                proxy.blackhole()
                await talker.send(UserInput(text="much"))
                await talker.until_type(ev.TurnComplete)
                async with asyncio.timeout(settings.server.graceful_shutdown_s):
                    assert await server.terminate() == 0
                assert (await talker.closed())[0] == 1001
                await proxy.refuse()
                await proxy.cut()
