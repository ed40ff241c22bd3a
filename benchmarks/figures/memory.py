"""Memory: what a session costs while it is awake and idle, and while it sleeps."""

import asyncio
import contextlib
import re
from statistics import median

import httpx
import msgspec

from agent.util.tasks import TaskOwner
from benchmarks.client import client
from benchmarks.processes import Server, scripted_model, server
from benchmarks.table import Row

AT_ONCE = 20
SESSION_MAX_KIB = 100.0
ASLEEP_MAX_KIB = 1.0
SLEEP_S = 60.0
_LOOK_S = 0.1
MODEL = "hosted_vllm/scripted"
ASLEEP_AT_ONCE = {"sessions": {"idle_sleep_s": 0}}


class Size(msgspec.Struct, frozen=True):
    """How much is measured: sessions of a wave, tokens said in each, waves that sleep."""

    sessions: int = 500
    tokens: int = 50
    waves: int = 3


FULL = Size()


async def measure(size: Size = FULL) -> list[Row]:
    """Growth of the server's own memory by so many sessions more, after earlier ones have filled what is kept anyway."""
    async with scripted_model() as api_base:
        async with server(api_base, MODEL) as target:
            await wave(target, size.sessions // 5, size.tokens)
            fresh = await growth_kib(target, size.sessions, 0)
            talked = await growth_kib(target, size.sessions, size.tokens)
            connected = await connected_kib(target, size.sessions)
        async with server(api_base, MODEL, ASLEEP_AT_ONCE) as target:
            await growth_kib(target, 4 * size.sessions, size.tokens, asleep=True)
            slept = [await growth_kib(target, size.sessions, size.tokens, asleep=True) for _ in range(size.waves)]
            followed = await connected_kib(target, size.sessions, asleep=True)
    return [
        _below(f"memory of an idle awake session, {size.tokens} tokens said", talked),
        _below("memory of an idle awake session, nothing said", fresh),
        _below("memory of an idle awake session with a socket, nothing said", connected),
        _below("memory of a sleeping session with a socket, nothing said", followed),
        Row(
            figure=f"memory of a sleeping session, {size.tokens} tokens said",
            ours=max(0.0, median(slept)),
            unit="KiB",
            floor=0,
            bound=f"0 (less than {ASLEEP_MAX_KIB:g} KiB)",
            within=median(slept) < ASLEEP_MAX_KIB,
        ),
    ]


def _below(figure: str, kib: float) -> Row:
    return Row(figure=figure, ours=kib, unit="KiB", bound=f"< {SESSION_MAX_KIB:g} KiB", within=kib < SESSION_MAX_KIB)


async def growth_kib(target: Server, sessions: int, tokens: int, *, asleep: bool = False) -> float:
    """KiB that each of so many sessions more costs the server; `asleep`: when they all sleep."""
    before = target.anonymous_kib()
    await wave(target, sessions, tokens)
    if asleep:
        await _awake_are(target, 0)
    await target.cpu_at_rest_s()
    return (target.anonymous_kib() - before) / sessions


async def connected_kib(target: Server, sessions: int, *, asleep: bool = False) -> float:
    """The same for sessions that have a socket each."""
    before = target.anonymous_kib()
    async with contextlib.AsyncExitStack() as sockets:
        for _ in range(sessions):
            await sockets.enter_async_context(client(target.socket_url))
        if asleep:
            await _awake_are(target, 0)
        await target.cpu_at_rest_s()
        return (target.anonymous_kib() - before) / sessions


async def wave(target: Server, sessions: int, tokens: int) -> None:
    """Make sessions, a few at a time, have something said in each, and leave them."""
    places = asyncio.Semaphore(AT_ONCE)

    async def visit() -> None:
        async with places, client(target.socket_url) as visitor:
            if tokens:
                await visitor.turn(f"tokens={tokens}")

    tasks = TaskOwner("visitors")
    try:
        await asyncio.gather(*(tasks.start(visit(), "visitor") for _ in range(sessions)))
    finally:
        await tasks.aclose()


async def _awake_are(target: Server, wanted: int) -> None:
    async with httpx.AsyncClient(base_url=target.address) as http, asyncio.timeout(SLEEP_S):
        while True:
            found = re.search(r"^holdfast_sessions_awake ([\d.]+)$", (await http.get("/metrics")).text, re.MULTILINE)
            if found and float(found[1]) == wanted:
                return
            await asyncio.sleep(_LOOK_S)
