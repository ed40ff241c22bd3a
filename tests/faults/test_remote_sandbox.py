"""Kill -9 around the making of a sandbox elsewhere and in the middle of a command in it: one is enough, and none is orphaned."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from protocol import SUBPROTOCOL_JSON
from protocol import events as ev
from protocol.submissions import UserInput
from tests.faults.harness.lengths import few
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.hub.standin_spaces import StandinSpaces, standin_spaces
from tests.support.live import Client
from tests.support.models.model_script import Call, calls, text
from tests.support.models.scripted_model import Request, ScriptedModel
from tests.support.network.http_client import http_client

TOKEN = "hf_ann0123456789abcdefghij"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
KILLED = -9


def run_input(request: Request) -> Any:
    """A model that runs what it is told, then is done."""
    message = request.messages[-1]
    return text("Done.") if message["role"] != "user" else calls(Call("bash", {"command": message["content"]}))


class Running:
    """A server that can be killed, its Hub, and its only user."""

    def __init__(self, server: ServerProcess, hub: StandinSpaces) -> None:
        self.server = server
        self.hub = hub
        self.session_id = ""

    async def kill(self) -> None:
        """What a hook of the Hub's does."""
        await self.server.kill()

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        path = f"/{self.session_id}" if self.session_id else ""
        async with connect(
            f"{self.server.ws}{path}",
            subprotocols=[SUBPROTOCOL_JSON],  # type: ignore[list-item]  # a NewType of str
            additional_headers=HEADERS,
        ) as socket:
            client = await Client(socket).synced()
            self.session_id = client.ready.session_id
            yield client

    async def dies(self, command: str) -> None:
        """A turn in which the server is killed."""
        async with self.client() as client:
            await client.send(UserInput(text=command))
            await client.closed()
        assert await self.server.ended() == KILLED

    async def again(self) -> None:
        """Start it again; wait until what was cut short is told, and the session sleeps, so that it wakes with its owner."""
        await self.server.start()
        async with http_client(self.server.http, headers=HEADERS) as http:
            while True:
                info = (await http.get(f"/api/sessions/{self.session_id}")).json()
                if info["state"] == "idle" and not info["is_active"]:
                    return

    async def run(self, command: str) -> ev.ToolOutput:
        async with self.client() as client:
            await client.send(UserInput(text=command))
            output = await client.until_type(ev.ToolOutput)
            await client.until_type(ev.TurnComplete)
            assert isinstance(output, ev.ToolOutput)
            return output

    async def delete(self) -> None:
        async with http_client(self.server.http, headers=HEADERS, timeout=20) as http:
            assert (await http.delete(f"/api/sessions/{self.session_id}")).status_code < 300


@pytest.fixture
async def running(zygote: Zygote, tmp_path: Path) -> AsyncIterator[Running]:
    async with standin_spaces(tmp_path / "spaces") as hub, ScriptedModel(run_input, lenient=True) as model:
        hub.users[TOKEN] = "ann"
        settings = settings_for(
            tmp_path / "data",
            model,
            auth={"mode": "bearer", "bearer": {"endpoint": hub.url}},
            hub={"endpoint": hub.url},
            sandbox={
                "kind": "space",
                "space_template": "templates/sandbox",
                "poll_s": 0.001,
                "sweep_s": 0.1,
                "sweep_retry_s": 0.01,
                "unsettled_s": 1.0,
            },
            policy={"rules": [{"tool": "*", "action": "allow"}]},
            sessions={"idle_sleep_s": 0.05},
        )
        async with ServerProcess(zygote, tmp_path / "server", settings) as server:
            await server.start()
            yield Running(server, hub)


MOMENTS = {
    "the request never arrives": ("before", "duplicate"),
    "the answer is never heard": ("after", "duplicate"),
    "before the program is there": ("before", "commit"),
    "while it is built": ("after", "commit"),
}


async def killed_at(running: Running, moment: str) -> None:
    when, verb = MOMENTS[moment]
    hub = running.hub
    if when == "before":
        hub.before[verb] = running.kill
        hub.lost.add(verb)
    else:
        hub.after[verb] = running.kill
    await running.dies("echo hello")


@pytest.mark.parametrize("moment", few([*MOMENTS], 2))
async def test_a_session_has_one_sandbox_whenever_the_server_dies(running: Running, moment: str) -> None:
    await killed_at(running, moment)
    await running.again()
    output = await running.run("echo alive")
    assert output.success and output.output.endswith("alive\n")
    assert len(running.hub.spaces) == 1
    await running.delete()
    await running.hub.until(lambda: not running.hub.spaces)


@pytest.mark.parametrize("moment", few([*MOMENTS], 2))
async def test_a_deleted_session_leaves_no_sandbox_whenever_the_server_died(running: Running, moment: str) -> None:
    await killed_at(running, moment)
    await running.again()
    await running.delete()
    await running.hub.until(lambda: not running.hub.spaces)
    assert running.hub.deleted == running.hub.made


async def test_a_sandbox_whose_answer_was_lost_is_released_while_its_session_sleeps(running: Running) -> None:
    await killed_at(running, "the answer is never heard")
    await running.again()
    await running.hub.until(lambda: not running.hub.spaces)
    output = await running.run("echo alive")
    assert output.output.endswith("alive\n") and len(running.hub.spaces) == 1


async def test_a_sandbox_made_after_its_server_died_is_released(running: Running) -> None:
    running.hub.before["duplicate"] = running.kill
    await running.dies("echo hello")
    await running.again()
    await running.delete()
    await running.hub.until(lambda: bool(running.hub.made) and not running.hub.spaces)


async def test_a_command_ends_with_its_server_and_the_sandbox_is_found_again(
    running: Running,
) -> None:
    async with running.client() as client:
        await client.send(UserInput(text="echo $$ > pid; echo begun; sleep 3600"))
        await client.until(lambda frame: isinstance(frame, ev.ToolLog) and "begun" in frame.text)
        await running.kill()
    (space,) = running.hub.spaces.values()
    pid = int((space.folder / "workspace" / "pid").read_text())
    await running.again()
    output = await running.run("cat pid")
    assert int(output.output.split()[-1]) == pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert running.hub.made == [space.repo]
