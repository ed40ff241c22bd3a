"""Several servers on one database: one is killed, or stopped for longer than its lease, and another goes on with its sessions."""

import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from protocol import events as ev
from protocol.content import AssistantMessage, ToolMessage
from protocol.submissions import Approval, ExecApproval, UserInput
from protocol.view import View
from server.config.settings import Settings
from server.journal.nodes.settings import NodesSettings
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.test_commands import COMMAND, writes
from tests.support.application import settings_for, with_journal
from tests.support.constants import constants
from tests.support.live import DONE, Address, Client, client, same_view
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Hang,
    Request,
    ScriptedModel,
    Text,
    calls,
    stream,
    text,
)
from tests.support.polling import eventually

ON_A_TEST_SERVER = constants({"server.journal.postgres.link.FSYNC_OFF_ALLOWED": True})
LEASE_S = 1.0
PATIENT_LEASE_S = 6.0
"""For servers of which none is to be lost, however busy the machine is."""


def node(folder: Path, model: ScriptedModel, database: str, *, lease_s: float = LEASE_S, **groups: Any) -> Settings:
    """Settings of one of several servers. `groups`: as of `settings_for`."""
    many = {"awake_max": 1_000, "awake_max_per_user": 1_000}
    settings = with_journal(settings_for(folder, model, sessions=many, **groups), database)
    auth = msgspec.structs.replace(settings.auth, secret="the same at each of the servers of a test")
    workspace = msgspec.structs.replace(
        settings.workspace, place="shared", shared_folder=str(folder.parent.parent / "files")
    )
    nodes = NodesSettings(several=True, lease_s=lease_s)
    return msgspec.structs.replace(settings, nodes=nodes, auth=auth, workspace=workspace)


def answer(request: Request) -> Answer:
    """What the model answers: it hangs in a sentence, or calls a tool that asks, or comes to an end."""
    if request.messages[-1]["role"] == "tool":
        return text("Written.")
    if request.last_user_text == "run":
        return calls(Call("bash", {"command": COMMAND}))
    if request.last_user_text == "tell":
        return stream(Text("Once upon"), Hang())
    if request.last_user_text == "write":
        return calls(Call("write", {"path": "a.txt", "content": "a"}))
    return text("They lived.")


@contextlib.asynccontextmanager
async def two(zygote: Zygote, folder: Path, database: str) -> AsyncIterator[tuple[ServerProcess, ServerProcess]]:
    """Two servers on one database."""
    async with (
        ScriptedModel(answer, allow_complaints=True) as model,
        servers(zygote, folder, database, model) as made,
    ):
        yield made[0], made[1]


@contextlib.asynccontextmanager
async def servers(
    zygote: Zygote,
    folder: Path,
    database: str | tuple[str, str],
    model: ScriptedModel,
    lease_s: float = LEASE_S,
    **groups: Any,
) -> AsyncIterator[list[ServerProcess]]:
    """The same, with a model of the test's own. `database`: two, if each server reaches it at an address of its own."""
    async with contextlib.AsyncExitStack() as ends:
        made = []
        for name, url in zip("ab", (database, database) if isinstance(database, str) else database, strict=True):
            settings = node(folder / name / "data", model, url, lease_s=lease_s, **groups)
            server = ServerProcess(zygote, folder / name, settings, hooks=[ON_A_TEST_SERVER])
            made.append(await ends.enter_async_context(server))
            await server.start()
        yield made


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=in_the_long_form)])
async def test_a_lost_servers_sessions_go_on_at_another(
    zygote: Zygote, tmp_path: Path, database: str, how: signal.Signals
) -> None:
    async with two(zygote, tmp_path, database) as (a, b), contextlib.AsyncExitStack() as sockets:
        teller = Client(await sockets.enter_async_context(connect(a.ws)))
        asker = Client(await sockets.enter_async_context(connect(a.ws)))
        await teller.send(UserInput(text="tell"))
        await teller.until_type(ev.AssistantChunk)
        await teller.send(UserInput(text="and then?"))
        await teller.until_type(ev.Accepted)
        await asker.send(UserInput(text="write"))
        await asker.until_type(ev.ApprovalRequired)
        a.signal(how)
        async with client(Address(b.port), teller.ready.session_id, view=teller.view, **teller.position) as other:
            ended = await other.until_type(*DONE)
            assert isinstance(ended, ev.Interrupted) and ended.reason == "restart"
            assert other.ready.recovered
            await other.until_type(ev.TurnComplete)
            said = [one.text for one in other.view.messages if isinstance(one, AssistantMessage)]
            assert said == ["Once upon", "They lived."]
        async with client(Address(b.port), asker.ready.session_id) as approver:
            await approver.synced()
            (pending,) = approver.view.pending_approval
            await approver.send(ExecApproval(approvals=[Approval(pending.tool_call_id, True)]))
            await approver.until_type(ev.TurnComplete)
        if how == signal.SIGSTOP:
            a.signal(signal.SIGCONT)
            await same_at(a, teller.ready.session_id, other.view)
            await same_at(a, asker.ready.session_id, approver.view)


async def test_a_paused_servers_command_has_ended_when_another_server_goes_on(
    zygote: Zygote, tmp_path: Path, database: str
) -> None:
    async with two(zygote, tmp_path, database) as (a, b), client(Address(a.port)) as talker:
        await talker.send(UserInput(text="run"))
        await talker.until(lambda frame: isinstance(frame, ev.ToolLog) and "begun" in frame.text)
        workspaces = tmp_path / "files" / "workspaces"
        assert await writes(workspaces)
        a.signal(signal.SIGSTOP)
        async with client(Address(b.port), talker.ready.session_id, view=talker.view, **talker.position) as other:
            await other.until_type(ev.Interrupted)
            assert [one.state for one in other.view.messages if isinstance(one, ToolMessage)] == ["outcome_unknown"]
        assert not await writes(workspaces)
        a.signal(signal.SIGCONT)
        await same_at(a, talker.ready.session_id, other.view)


async def same_at(server: ServerProcess, session_id: str, seen: View) -> None:
    """Until the session looks there as it was seen elsewhere."""

    async def same() -> bool:
        async with client(Address(server.port), session_id, after=0) as socket:
            whole = (await socket.synced()).view
        whole.model = seen.model
        return same_view(whole, seen)

    await eventually(same)
