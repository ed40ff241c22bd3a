"""Stalled readers: clients that stop reading, read slowly or vanish are closed or cut in time, resume later, and harm no other client."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from agent.util.tasks import TaskOwner
from clients.session.client import SessionClient
from clients.session.outcomes import Reconnecting
from clients.session.reconnect import Backoff
from clients.session.view import at_rest
from protocol import events as ev
from protocol.submissions import UserInput
from tests.faults.harness.clients import Persistent
from tests.faults.harness.lengths import length
from tests.faults.harness.listeners import Audience, Listener, percentile
from tests.faults.harness.memory import mapped_kib
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import DONE, PATIENCE_S, Address, Live, client, listening, same_view
from tests.support.models.scripted_model import Finish, Gate, Reply, ScriptedModel, Text, Tokens, stream, text
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.polling import eventually
from tests.unit.clients.session.recorded import encoded

QUICK = Backoff(base_s=0.01, cap_s=0.1)
BUFFER_BYTES = 32_768
WORD = "a longer word of text "


def much(tokens: int = 20_000, *after: Any) -> Reply:
    """An answer far larger than all buffers on the way."""
    return stream(Tokens(tokens, text=WORD), *after, Finish())


async def until_sockets(live: Live, session_id: str, count: int) -> None:
    """Wait until the session has so many sockets."""
    await eventually(lambda: live.manager.registry.ports.sockets(session_id) == count, f"{count} sockets")


async def test_a_stalled_reader_is_closed_in_time_and_gets_4408_if_it_reads_again(tmp_path: Path) -> None:
    bounds = {"send_timeout_s": 0.4, "close_grace_s": 10.0, "send_buffer_bytes": BUFFER_BYTES}
    async with (
        ScriptedModel([much()]) as model,
        listening(settings_for(tmp_path, model, socket=bounds)) as live,
        TcpProxy("127.0.0.1", live.port, buffer_bytes=BUFFER_BYTES) as proxy,
        client(live) as stayed,
    ):
        await stayed.synced()
        session_id = stayed.ready.session_id
        async with client(Address(proxy.port), session_id) as slow:
            await slow.synced()
            proxy.blackhole()
            await stayed.send(UserInput(text="much"))
            assert isinstance(await stayed.until_type(*DONE), ev.TurnComplete)
            await until_sockets(live, session_id, 1)
            proxy.flow()
            code, reason = await slow.closed()
            assert code == 4408
            assert "reconnect" in reason
            assert 0 < slow.view.seq < stayed.view.seq
        async with client(live, session_id, view=slow.view, **slow.position) as back:
            await back.synced()
            assert back.ready.recovered
            assert same_view(back.view, stayed.view)


async def test_a_reader_that_never_reads_again_is_cut_after_the_grace_period(tmp_path: Path) -> None:
    bounds = {"send_timeout_s": 0.3, "close_grace_s": 0.2, "send_buffer_bytes": BUFFER_BYTES}
    async with (
        ScriptedModel([much()]) as model,
        listening(settings_for(tmp_path, model, socket=bounds)) as live,
        TcpProxy("127.0.0.1", live.port, buffer_bytes=BUFFER_BYTES) as proxy,
        client(live) as stayed,
    ):
        await stayed.synced()
        async with client(Address(proxy.port), stayed.ready.session_id) as dead:
            await dead.synced()
            proxy.blackhole()
            await stayed.send(UserInput(text="much"))
            assert isinstance(await stayed.until_type(*DONE), ev.TurnComplete)
            await eventually(lambda: len(live.server.server_state.connections) <= 1)
            await proxy.cut()


async def test_a_slow_reader_that_keeps_reading_is_not_cut(tmp_path: Path) -> None:
    bounds = {
        "send_timeout_s": 0.5,
        "ping_interval_s": 1.0,
        "ping_timeout_s": 1.0,
        "send_buffer_bytes": BUFFER_BYTES,
        "close_grace_s": 0.2,
    }
    async with (
        ScriptedModel(lambda _: text("Read.")) as model,
        listening(settings_for(tmp_path, model, socket=bounds)) as live,
        TcpProxy("127.0.0.1", live.port, buffer_bytes=BUFFER_BYTES) as proxy,
        client(live) as stayed,
    ):
        for number in range(2):
            await stayed.send(UserInput(text=f"{number}" * 400_000))
            await stayed.until_type(*DONE)
        proxy.limit_rate(400_000, "down")
        async with client(Address(proxy.port), stayed.ready.session_id) as slow:
            await slow.synced()
            assert same_view(slow.view, stayed.view)
            proxy.limit_rate(None)


async def test_a_client_that_stops_answering_pings_is_freed(tmp_path: Path) -> None:
    bounds = {"ping_interval_s": 1.0, "ping_timeout_s": 1.0}
    async with (
        listening(settings_for(tmp_path, socket=bounds)) as live,
        TcpProxy("127.0.0.1", live.port) as proxy,
        client(Address(proxy.port)) as gone,
    ):
        await gone.synced()
        proxy.blackhole()
        await until_sockets(live, gone.ready.session_id, 0)
        proxy.flow()
        assert (await gone.closed())[0] == 1011


async def test_the_session_client_comes_back_by_itself_from_a_stall(tmp_path: Path) -> None:
    bounds = {"send_timeout_s": 0.4, "close_grace_s": 10.0, "send_buffer_bytes": BUFFER_BYTES}
    async with (
        ScriptedModel([much()]) as model,
        listening(settings_for(tmp_path, model, socket=bounds)) as live,
        TcpProxy("127.0.0.1", live.port, buffer_bytes=BUFFER_BYTES) as proxy,
        SessionClient(f"http://127.0.0.1:{proxy.port}", backoff=QUICK) as slow,
        SessionClient(live.http, slow.session_id, feed_max=0) as stayed,
    ):
        await stayed.say("much")
        proxy.blackhole()
        async with asyncio.timeout(PATIENCE_S):
            await stayed.wait_until(at_rest)
        await until_sockets(live, slow.session_id, 1)
        proxy.flow()
        why = ""
        async with asyncio.timeout(PATIENCE_S):
            async for item in slow:
                why = item.why if isinstance(item, Reconnecting) else why
                if isinstance(item, ev.TurnComplete):
                    break
        assert "4408" in why
        assert encoded(slow.view) == encoded(stayed.view)


async def watch(pid: int, held: list[int]) -> None:
    """The memory of a process, a few times a second."""
    while True:
        held.append(mapped_kib(pid))
        await asyncio.sleep(0.1)


@pytest.mark.timeout(length(120, 600))
async def test_a_client_that_reads_nothing_costs_little_memory_and_fifty_others_get_everything(
    zygote: Zygote, tmp_path: Path
) -> None:
    """After a word that warms the server up. It is not even cut off before the others have heard it all."""
    tokens, allowed_kib = length(20_000, 200_000), 16 * 1024
    bounds = {"send_timeout_s": 5.0, "close_grace_s": 0.2, "sockets_per_session_max": 100}
    async with ScriptedModel([text("Warm."), stream(Tokens(tokens), Finish())]) as model:
        settings = settings_for(tmp_path / "data", model, socket=bounds)
        async with ServerProcess(zygote, tmp_path, settings) as server, TcpProxy("127.0.0.1", server.port) as proxy:
            await server.start()
            async with client(Address(server.port)) as talker, contextlib.AsyncExitStack() as stack:
                session_id = (await talker.synced()).ready.session_id
                audience = [Listener(session_id) for _ in range(50)]
                await stack.enter_async_context(Audience(Address(server.port), audience))
                tasks = TaskOwner("stuck")
                stack.push_async_callback(tasks.aclose)
                stuck = Persistent(Address(proxy.port), session_id)
                tasks.start(stuck.run(), "stuck")
                await stuck.until_live()
                await talker.send(UserInput(text="warm up"))
                await talker.until_type(*DONE)
                held = [mapped_kib(server.pid)]
                tasks.start(watch(server.pid, held), "memory")
                proxy.blackhole()
                await talker.send(UserInput(text="much"))
                await asyncio.gather(*(one.until_turns(2) for one in audience))
                assert {one.chars for one in audience} == {len("Warm.") + len(" word") * tokens}
                await talker.until_type(*DONE)
                proxy.flow()
                await stuck.until(lambda one: one.view.seq == talker.view.seq)
                assert encoded(stuck.view) == encoded(talker.view)
                grown = max(*held, mapped_kib(server.pid)) - held[0]
            print(f"50 clients hear {tokens} tokens beside one that reads nothing: {grown} KiB more at most")
            assert grown < allowed_kib


@pytest.mark.timeout(length(120, 300))
async def test_a_client_that_reads_nothing_does_not_delay_the_others(zygote: Zygote, tmp_path: Path) -> None:
    tokens = length(500, 3_000)
    bounds = {"send_timeout_s": 600.0, "send_buffer_bytes": BUFFER_BYTES, "sockets_per_session_max": 100}
    paced = stream(Tokens(tokens, 0.005, stamped=True), Finish())
    async with ScriptedModel([paced, paced]) as model:
        settings = settings_for(tmp_path / "data", model, socket=bounds)
        async with (
            ServerProcess(zygote, tmp_path, settings) as server,
            TcpProxy("127.0.0.1", server.port, buffer_bytes=BUFFER_BYTES) as proxy,
        ):
            await server.start()
            async with client(Address(server.port)) as talker, contextlib.AsyncExitStack() as stack:
                session_id = (await talker.synced()).ready.session_id
                audience = [Listener(session_id, stamped=True) for _ in range(50)]
                await stack.enter_async_context(Audience(Address(server.port), audience))
                p99 = []
                for turn in (1, 2):
                    if turn == 2:
                        stuck = await stack.enter_async_context(client(Address(proxy.port), session_id))
                        await stuck.synced()
                        proxy.blackhole()
                    await talker.send(UserInput(text="count"))
                    await asyncio.gather(*(one.until_turns(turn) for one in audience))
                    p99.append(percentile([age for one in audience for age in one.ages_ms[-tokens:]], 0.99))
                assert {len(one.ages_ms) for one in audience} == {2 * tokens}
                await proxy.cut()
    print(f"token age p99 of 50 clients: {p99[0]:.1f} ms, beside one that reads nothing {p99[1]:.1f} ms")
    assert p99[1] < p99[0] + length(1_000, 50)


async def test_a_stop_with_a_stuck_client_ends_soon_and_the_others_get_the_reason(tmp_path: Path) -> None:
    bounds = {"send_timeout_s": 600.0, "close_grace_s": 0.5, "send_buffer_bytes": BUFFER_BYTES}
    loop = asyncio.get_running_loop()
    async with ScriptedModel([much(20_000, Gate(), Text("."))]) as model:
        settings = settings_for(tmp_path, model, socket=bounds)
        async with listening(settings) as live, TcpProxy("127.0.0.1", live.port, buffer_bytes=BUFFER_BYTES) as proxy:
            async with client(live) as stayed, client(Address(proxy.port)) as other:
                await stayed.synced()
                await other.synced()
                async with client(Address(proxy.port), stayed.ready.session_id) as stuck:
                    await stuck.synced()
                    proxy.blackhole()
                    await stayed.send(UserInput(text="much"))
                    await stayed.until(lambda f: isinstance(f, ev.AssistantChunk) and f.offset > 300_000)
                    began = loop.time()
                    live.server.should_exit = True
                    code, reason = await stayed.closed()
                    assert (code, bool(reason)) == (1001, True)
                    most = settings.server.graceful_shutdown_s
                    await eventually(lambda: not live.server.server_state.connections, patience_s=most)
                    assert loop.time() - began < settings.server.graceful_shutdown_s
                    await proxy.cut()
