"""Soak: everything at once for a long time; nothing is left over. Long form only; HOLDFAST_FAULTS_SOAK_S is the time in seconds (600)."""

import asyncio
import contextlib
import os
import random
import re
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from agent.util.tasks import TaskOwner
from clients.session.client import SessionClient
from clients.session.errors import CannotConnect, Denied, SessionEnded, SubmissionRefused
from clients.session.reconnect import Backoff
from clients.session.view import at_rest
from protocol.submissions import Interrupt, Undo
from server.config.settings import Settings
from tests.faults.harness import task_names
from tests.faults.harness.clients import Encoding
from tests.faults.harness.lengths import LONG, fresh_seed
from tests.faults.harness.memory import FILLED, Held, held_by
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.test_cuts import Cutter, talkative, waiting_calls
from tests.support.application import settings_for
from tests.support.live import Address
from tests.support.models.scripted_model import Answer, Finish, Request, ScriptedModel, Tokens, stream
from tests.support.network.bare_http import request
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.polling import eventually

FIRST_S = 60.0
SOAK_S = float(os.environ.get("HOLDFAST_FAULTS_SOAK_S", "600"))
QUICK = Backoff(base_s=0.01, cap_s=0.2)
PATIENCE_S = 60.0
TURN_S = 30.0
MUCH = "much"
MET = (SubmissionRefused, SessionEnded, Denied, CannotConnect, TimeoutError)
"""What a talker may meet: cuts, limits and deleted sessions are meant to be felt."""


def settings_of(folder: Path, model: ScriptedModel) -> Settings:
    """Everything falls asleep, is noticed and is cut soon."""
    bounds = {
        "heartbeat_s": 0.5,
        "ping_interval_s": 1.0,
        "ping_timeout_s": 1.0,
        "send_timeout_s": 1.0,
        "close_grace_s": 0.2,
    }
    sessions = {"awake_max": 20, "awake_max_per_user": 20, "idle_sleep_s": 0.3}
    # More are made than a user may keep; who is refused would be no load.
    return settings_for(
        folder / "data", model, socket=bounds, sessions=sessions, users={"stored_sessions_max": 100_000}
    )


def script(rng: random.Random) -> Callable[[Request], Answer]:
    """The talkative model, which also says too much when it is asked to."""
    usual = talkative(rng)

    def answer(request: Request) -> Answer:
        if request.last_user_text == MUCH:
            return stream(Tokens(5_000, text="a longer word of text "), Finish())
        return usual(request)

    return answer


class Load:
    """Everything at once, until it is stopped; what was done is counted."""

    def __init__(self, server: ServerProcess, seed: int, tally: Counter[str]) -> None:
        self._here = Address(server.port)
        self._rng = random.Random(seed)
        self._tally = tally
        self._known: deque[str] = deque(maxlen=500)
        self._stopping = False

    async def run(self, seconds: float) -> None:
        """So long; returns when all that was begun has ended."""
        tasks = TaskOwner("load")
        self._stopping = False
        async with TcpProxy("127.0.0.1", self._here.port) as bad, TcpProxy("127.0.0.1", self._here.port) as worse:
            cutting = [
                tasks.start(Cutter(proxy, random.Random(self._rng.random()), 10**9, self._tally).run(), "cut")
                for proxy in (bad, worse)
            ]
            ways = (bad.port, bad.port, bad.port, worse.port, worse.port, self._here.port, self._here.port)
            working = [tasks.start(self._repeat(self._talk, Address(port)), "talk") for port in ways]
            working += [
                tasks.start(self._repeat(work, self._here), "work") for work in (self._stall, self._ask, self._annoy)
            ]
            await asyncio.wait([*cutting, *working], timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            self._stopping = True
            for task in cutting:
                task.cancel()
            await asyncio.wait(cutting)
            for proxy in (bad, worse):
                proxy.flow()
                proxy.limit_rate(None)
                await proxy.accept()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*working)
            await tasks.aclose()

    async def _repeat(self, work: Callable[[Address], Awaitable[None]], here: Address) -> None:
        while not self._stopping:
            await work(here)

    async def _talk(self, here: Address) -> None:
        """A visit to a new session or an old one, over sockets that are cut."""
        rng = self._rng
        old = rng.choice(self._known) if self._known and rng.random() < 0.4 else None
        encoding: Encoding = rng.choice(("json", "msgpack"))
        with contextlib.suppress(*MET):
            async with SessionClient(here.http, old, encoding=encoding, backoff=QUICK, feed_max=0) as one:
                if old is None:
                    self._known.append(one.session_id)  # once: what is deleted is not visited again
                self._tally["visits"] += 1
                for _ in range(rng.randrange(1, 6)):
                    async with asyncio.timeout(TURN_S):
                        await self._turn(one)
        if rng.random() < 0.1 and self._known:
            await self._http("DELETE", f"/api/sessions/{self._known.popleft()}")

    async def _turn(self, one: SessionClient) -> None:
        if self._rng.random() < 0.05:
            await one.submit(Undo())
        await one.say(f"say {self._rng.random()}")
        self._tally["turns"] += 1
        if self._rng.random() < 0.1:
            await one.submit(Interrupt())
        await one.wait_until(at_rest)
        while one.view.pending_approval:
            call = one.view.pending_approval[0].tool_call_id
            await one.approve(call, self._rng.random() < 0.7)
            await one.wait_until(lambda view, call=call: call not in waiting_calls(view) and at_rest(view))  # type: ignore[misc]  # bound

    async def _stall(self, here: Address) -> None:
        """Ask for much and read nothing of it."""
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(contextlib.suppress(OSError, WebSocketException, TimeoutError))
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port, limit=1_024)
            stack.callback(writer.transport.abort)
            writer.write(
                b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport reads too
            payload = MUCH.encode()
            writer.write(bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
            await asyncio.sleep(self._rng.uniform(0, 3))
            self._tally["stalls"] += 1

    async def _ask(self, here: Address) -> None:
        """Over HTTP."""
        paths = ["/livez", "/metrics", "/api/config", "/api/me", "/nothing"]
        if self._known:
            session_id = self._rng.choice(self._known)
            paths += [f"/api/sessions/{session_id}", f"/api/sessions/{session_id}/events?after=0&limit=50"]
        await self._http("GET", self._rng.choice(paths))
        await asyncio.sleep(0.02)

    async def _http(self, method: str, path: str) -> None:
        answer = await request(self._here.port, path, method=method)
        assert re.match(rb"HTTP/1.1 (20|404|429|503)", answer), answer[:200]
        self._tally["requests"] += 1

    async def _annoy(self, here: Address) -> None:
        """Nonsense, until the socket is closed, and addresses that are none."""
        path = self._rng.choice(("", "/no-such-session", "?after=-1"))
        with contextlib.suppress(OSError, WebSocketException):
            async with connect(f"{here.ws}{path}", compression=None) as socket:
                for _ in range(25):
                    await socket.send(self._rng.choice(("{", '{"type":"?"}', "{}", b"\x00")))
                await socket.wait_closed()
        self._tally["annoyances"] += 1
        await asyncio.sleep(0.1)


async def at_rest_again(server: ServerProcess) -> None:
    """Until every session sleeps and every socket is gone."""

    async def rests() -> bool:
        metrics = (await request(server.port, "/metrics")).decode()
        gauges = dict(re.findall(r"^holdfast_(sockets|sessions_awake) ([\d.]+)$", metrics, re.MULTILINE))
        return gauges == {"sockets": "0.0", "sessions_awake": "0.0"}

    await eventually(rests, "rest", PATIENCE_S)


async def holding(server: ServerProcess, names_file: Path, model_port: int) -> tuple[Held, list[str]]:
    """What the server holds when nobody wants anything of it."""
    await at_rest_again(server)
    running = await task_names.running_in(server, names_file)
    held = held_by(server.pid)
    # Connections to the model are kept for the next call, a bounded number of them.
    del held.descriptors[f"tcp to {model_port}"]
    return held, running


@pytest.mark.skipif(not LONG, reason="ten minutes: in the long form alone")
@pytest.mark.timeout(SOAK_S + 300)
async def test_a_long_mixed_load_leaves_nothing_behind(zygote: Zygote, tmp_path: Path, tally: Counter[str]) -> None:
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    names_file = tmp_path / "task_names"
    async with ScriptedModel(script(random.Random(seed)), allow_complaints=True) as model:
        settings = settings_of(tmp_path, model)
        async with ServerProcess(zygote, tmp_path, settings, hooks=[task_names.hook(names_file), FILLED]) as server:
            await server.start()
            load = Load(server, seed, tally)
            await load.run(min(FIRST_S, SOAK_S / 3))
            before, running_before = await holding(server, names_file, model.port)
            await load.run(SOAK_S - min(FIRST_S, SOAK_S / 3))
            after, running_after = await holding(server, names_file, model.port)
            print(f"{before.kib} KiB after the first minute, {after.kib} KiB after {SOAK_S:g} s; done: {dict(tally)}")
            assert running_after == running_before
            assert after.descriptors == before.descriptors
            assert after.kib < before.kib * 1.1
            assert await server.terminate() == 0
            assert "Traceback" not in server.stderr
            assert not model.complaints
