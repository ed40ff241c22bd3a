"""Fairness: one session is fed without a pause beside many at reading speed; measures how long the others' tokens wait."""

import asyncio
import contextlib
import time
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest

from agent.util.tasks import TaskOwner
from protocol.submissions import UserInput
from server.config.settings import Settings
from tests.faults.harness.lengths import LONG, length
from tests.faults.harness.listeners import Audience, Listener, percentile
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.constants import built_in
from tests.support.live import Address, client
from tests.support.models.process import model_process
from tests.support.models.scripted_model import ScriptedModel
from tests.support.network.bare_http import request, status

SLOW, EVERY_MS = 20, 20
SLOW_TOKENS = length(50, 500)
FAST_TOKENS = length(40_000, 500_000)
FAST_PER_S = 100_000
"""Of the session that is fed without a pause."""
TRIES = length(1, 3)
ADDED_MS = length(1_000, 50)
LIVEZ_MS = length(2_000, 100)


def settings_of(folder: Path, api_base: str) -> Settings:
    many = {"awake_max": 100, "awake_max_per_user": 100}
    settings = settings_for(folder / "data", ScriptedModel(), sessions=many)
    calls = msgspec.structs.replace(settings.model.calls, api_base=api_base)
    built_in("model.calls", {"max_output_chars": 2**25})
    return msgspec.structs.replace(settings, model=msgspec.structs.replace(settings.model, calls=calls))


class Prober:
    """Asks `/livez` all the time; `worst_ms` is the longest it waited."""

    def __init__(self, here: Address) -> None:
        self._port = here.port
        self.worst_ms = 0.0

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            assert status(await request(self._port, "/livez")) == HTTPStatus.OK
            self.worst_ms = max(self.worst_ms, (time.monotonic() - began) * 1_000)
            await asyncio.sleep(0.02)


async def new_session(here: Address) -> str:
    async with client(here) as one:
        return (await one.synced()).ready.session_id


async def ask(here: Address, session_id: str, words: str) -> None:
    async with client(here, session_id) as one:
        await one.synced()
        await one.send(UserInput(text=words))
        await one.until(lambda _: one.view.state == "running")


class Measured(msgspec.Struct, frozen=True):
    """Ages of the slow sessions' tokens, the longest wait for `/livez`, and how fast the fast session was read."""

    p50_ms: float
    p99_ms: float
    livez_ms: float
    fast_tokens_per_s: float


async def measure(here: Address, *, with_fast: bool) -> Measured:
    tasks = TaskOwner("fairness")
    slow = [Listener(await new_session(here), stamped=True) for _ in range(SLOW)]
    fast = Listener(await new_session(here))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(tasks.aclose)
        await stack.enter_async_context(Audience(here, [*slow, fast]))
        prober = Prober(here)
        tasks.start(prober.run(), "livez")
        words = f"tokens={SLOW_TOKENS} every_ms={EVERY_MS} stamped=1"
        await asyncio.gather(*(ask(here, one.session_id, words) for one in slow))
        began = time.monotonic()
        if with_fast:
            await ask(here, fast.session_id, f"tokens={FAST_TOKENS} every_ms={1_000 / FAST_PER_S:g} stamped=0")
            await fast.until_turns(1)
        took = time.monotonic() - began
        await asyncio.gather(*(one.until_turns(1) for one in slow))
    assert [len(one.ages_ms) for one in slow] == [SLOW_TOKENS] * SLOW, "every token came"
    assert fast.chars == (len(" word") * FAST_TOKENS if with_fast else 0)
    ages = [age for one in slow for age in one.ages_ms]
    return Measured(percentile(ages, 0.5), percentile(ages, 0.99), prober.worst_ms, FAST_TOKENS / took)


@pytest.mark.timeout(length(120, 600))
async def test_a_session_fed_without_a_pause_does_not_starve_the_others(zygote: Zygote, tmp_path: Path) -> None:
    async with model_process() as api_base:
        async with ServerProcess(zygote, tmp_path, settings_of(tmp_path, api_base)) as server:
            await server.start()
            here = Address(server.port)
            tries = []
            for _ in range(TRIES):
                alone = await measure(here, with_fast=False)
                beside = await measure(here, with_fast=True)
                tries.append((beside.p99_ms - alone.p99_ms, alone, beside))
            added_ms, alone, beside = min(tries, key=lambda one: one[0])
            print(
                f"token age of {SLOW} sessions at {1_000 // EVERY_MS} tokens/s, p50 / p99: alone {alone.p50_ms:.1f} / "
                f"{alone.p99_ms:.1f} ms, beside one read at {beside.fast_tokens_per_s:,.0f} tokens/s {beside.p50_ms:.1f} / "
                f"{beside.p99_ms:.1f} ms; /livez at worst {beside.livez_ms:.1f} ms (alone {alone.livez_ms:.1f} ms)"
            )
            assert added_ms < ADDED_MS
            assert min(beside.livez_ms for _, _, beside in tries) < LIVEZ_MS
            assert not LONG or beside.fast_tokens_per_s > FAST_PER_S / 2
