"""Reconnecting: from every position inside a message, twice at once, after a long silence. Random cuts are in test_cuts."""

import asyncio
import contextlib
import copy
import socket
from collections import Counter
from pathlib import Path

from agent.util.tasks import TaskOwner
from protocol import codec
from protocol.submissions import UserInput
from protocol.view import View, apply
from server.config.settings import Settings
from tests.faults.harness.clients import Encoding, Persistent
from tests.faults.harness.lengths import length
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import DONE, Address, client, listening
from tests.support.models.scripted_model import Answer, Finish, Gate, ScriptedModel, Step, Text, Tokens, stream, text
from tests.support.network.tcp_link import close
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.polling import eventually
from tests.unit.clients.session.recorded import encoded

PIECES = length(20, 400)
ENCODINGS: list[Encoding] = ["json", "msgpack"]


def roomy(tmp_path: Path, model: ScriptedModel) -> Settings:
    """Settings with room for many sockets on one session."""
    return settings_for(tmp_path / "data", model, socket={"sockets_per_session_max": 1_000})


def counting(pieces: int, *gates: Gate) -> Answer:
    """A message that stops at each gate, after `pieces` pieces that are an event each."""
    steps: list[Step] = []
    for gate in gates:
        steps += [*(Text(f"{number} ", 0.001) for number in range(pieces)), gate]
    return stream(*steps, Text("and so on."), Finish())


async def test_a_running_message_continues_from_every_position_inside_it(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    gate = Gate()
    async with ScriptedModel([counting(PIECES, gate)]) as model:
        async with ServerProcess(zygote, tmp_path, roomy(tmp_path, model)) as server:
            await server.start()
            here = Address(server.port)
            async with contextlib.AsyncExitStack() as stack:
                stayed = await stack.enter_async_context(client(here))
                await stayed.send(UserInput(text="count"))
                await gate.reached.wait()
                await stayed.until(lambda _: _open_text(stayed.view).endswith(f" {PIECES - 1} "))
                session_id, epoch = stayed.ready.session_id, stayed.ready.epoch
                view = View(model=stayed.ready.model)
                back = []
                for number, event in enumerate([None, *stayed.events]):
                    if event is not None:
                        apply(view, codec.decode_event(codec.encode(event)))
                    query = {"after": view.seq, "epoch": epoch}
                    coming = client(here, session_id, encoding=ENCODINGS[number % 2], view=copy.deepcopy(view), **query)
                    back.append(await (await stack.enter_async_context(coming)).synced())
                    assert back[-1].ready.recovered
                    assert encoded(back[-1].view) == encoded(stayed.view)
                gate.open()
                for one in [stayed, *back]:
                    await one.until_type(*DONE)
                    assert encoded(one.view) == encoded(stayed.view)
                tally["resumed inside a message"] += len(back)


def _open_text(view: View) -> str:
    return "" if view.open_message is None else view.open_message.text


async def test_two_sockets_that_resume_at_once_from_one_position_both_get_everything(
    zygote: Zygote, tmp_path: Path
) -> None:
    gates = [Gate(), Gate()]
    async with ScriptedModel([counting(10, *gates), text("More.")]) as model:
        async with ServerProcess(zygote, tmp_path, roomy(tmp_path, model)) as server:
            await server.start()
            here = Address(server.port)
            async with client(here) as stayed:
                await stayed.send(UserInput(text="count", id="once"))
                async with client(here, (await stayed.synced()).ready.session_id) as left:
                    await left.until(lambda _: _open_text(left.view).endswith(" 9 "))
                gates[0].open()
                await gates[1].reached.wait()
                again = [(encoding, copy.deepcopy(left.view)) for encoding in ENCODINGS * 2]
                async with contextlib.AsyncExitStack() as stack:
                    coming = [
                        client(here, left.ready.session_id, encoding=encoding, view=view, **left.position)
                        for encoding, view in again
                    ]
                    back = await asyncio.gather(*(stack.enter_async_context(one) for one in coming))
                    await asyncio.gather(*(one.synced() for one in back))
                    await asyncio.gather(*(one.send(UserInput(text="count", id="once")) for one in back))
                    gates[1].open()
                    for one in [*back, stayed]:
                        await one.until_type(*DONE)
                    assert len({encoded(one.view) for one in [*back, stayed]}) == 1
            assert len(model.requests) == 1


async def test_a_client_that_is_silent_for_a_while_continues_on_the_same_socket(zygote: Zygote, tmp_path: Path) -> None:
    async with ScriptedModel([text("Hello."), stream(Tokens(20_000, text="a longer word "), Finish())]) as model:
        settings = settings_for(tmp_path / "data", model)
        async with ServerProcess(zygote, tmp_path, settings) as server, TcpProxy("127.0.0.1", server.port) as proxy:
            await server.start()
            async with client(Address(server.port)) as stayed, contextlib.AsyncExitStack() as stack:
                tasks = TaskOwner("quiet")
                stack.push_async_callback(tasks.aclose)
                session_id = (await stayed.synced()).ready.session_id
                quiet = Persistent(Address(proxy.port), session_id)
                tasks.start(quiet.run(), "quiet")
                await quiet.until_live()
                proxy.blackhole()
                for words in ("hi", "much"):
                    await stayed.send(UserInput(text=words))
                    await stayed.until_type(*DONE)
                proxy.flow()
                await quiet.until(lambda one: one.view.seq == stayed.view.seq)
                assert encoded(quiet.view) == encoded(stayed.view)
                assert (quiet.sockets, quiet.snapshots) == (1, 1)


async def test_clients_that_leave_before_they_are_accepted_leave_nothing_behind(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, sessions={"awake_max": 100, "awake_max_per_user": 100})
    request = (
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with listening(settings) as live:
        for _ in range(20):
            with socket.socket() as hasty:
                hasty.connect(("127.0.0.1", live.port))
                hasty.sendall(request)
                close(hasty, hard=True)
        await eventually(lambda: len(live.manager.registry.all()) >= 20 and not live.server.server_state.tasks)
        ports = [live.manager.registry.ports.get(actor.session_id) for actor in live.manager.registry.all()]
        assert [(port.sockets, len(port.broadcaster)) for port in ports if port is not None] == [(0, 0)] * 20
        assert not [handle for handle in timers() if "Connection._tick" in repr(handle)]


def timers() -> list[asyncio.TimerHandle]:
    """What the loop is to do later."""
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # asyncio's own loop has it
    return [handle for handle in scheduled if not handle.cancelled()]
