"""Commands of a server that is killed or stopped: they end too. A real server with a real sandbox."""

import asyncio
from pathlib import Path

import pytest

from agent.sandbox.local.probe import probe
from protocol import events as ev
from protocol.content import ToolMessage
from protocol.submissions import Interrupt, UserInput
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import Address, Client, client
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text

pytestmark = pytest.mark.skipif(probe().program is None, reason=f"no sandbox on this machine: {probe().why}")

PATIENCE_S = 45.0
BEAT = "while :; do date +%s%N > {0}; sleep 0.02; done"
COMMAND = f"trap '' TERM INT HUP; (setsid sh -c '({BEAT.format('b')}) &' &); echo begun; {BEAT.format('a')}"


def at(server: ServerProcess) -> Address:
    """Where it listens."""
    return Address(server.port)


async def begun(talker: Client) -> None:
    """Until the command has begun, and something beats."""
    await talker.send(UserInput(text="go"))
    await talker.until(lambda frame: isinstance(frame, ev.ToolLog) and "begun" in frame.text)


async def writes(workspaces: Path) -> bool:
    """Whether both parts of the command write, or else none does any more."""
    (root,) = workspaces.iterdir()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            before = [(root / name).exists() and (root / name).read_bytes() for name in "ab"]
            await asyncio.sleep(0.3)
            changed = [(root / name).exists() and (root / name).read_bytes() for name in "ab"]
            differ = {one != other for one, other in zip(before, changed, strict=True)}
            if len(differ) == 1:
                return differ.pop()


async def ended(workspaces: Path) -> None:
    """Until nothing of the command writes; a signal needs its moment. One that goes on fails the test by the clock."""
    async with asyncio.timeout(PATIENCE_S):
        while await writes(workspaces):
            pass


async def test_a_killed_server_ends_its_commands(zygote: Zygote, tmp_path: Path) -> None:
    script = [calls(Call("bash", {"command": COMMAND}, id="c1")), text("I see.")]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path / "data", model)
        async with ServerProcess(zygote, tmp_path, settings) as server:
            await server.start()
            async with client(at(server)) as talker:
                await begun(talker)
                session = talker.ready.session_id
            assert await writes(tmp_path / "data" / "workspaces")
            await server.kill()
            await ended(tmp_path / "data" / "workspaces")
            await server.start()
            async with client(at(server), session, view=talker.view, **talker.position) as talker:
                await talker.until_type(ev.Interrupted)
                states = [m.state for m in talker.view.messages if isinstance(m, ToolMessage)]
            assert states == ["outcome_unknown"]


async def test_an_interrupt_ends_the_command(zygote: Zygote, tmp_path: Path) -> None:
    async with ScriptedModel([calls(Call("bash", {"command": COMMAND}, id="c1"))]) as model:
        async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data", model)) as server:
            await server.start()
            async with client(at(server)) as talker:
                await begun(talker)
                assert await writes(tmp_path / "data" / "workspaces")
                await talker.send(Interrupt())
                await talker.until_type(ev.Interrupted)
                await ended(tmp_path / "data" / "workspaces")


async def test_a_stopped_server_ends_its_commands(zygote: Zygote, tmp_path: Path) -> None:
    async with ScriptedModel([calls(Call("bash", {"command": COMMAND}, id="c1"))]) as model:
        async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data", model)) as server:
            await server.start()
            async with client(at(server)) as talker:
                await begun(talker)
            assert await writes(tmp_path / "data" / "workspaces")
            assert await server.terminate() == 0
            await ended(tmp_path / "data" / "workspaces")
