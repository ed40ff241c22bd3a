"""Journal that cannot be written for a while: errors are shown, nothing is skipped or wrongly acknowledged, and then work goes on."""

import asyncio
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from agent.policy.effects import Effects
from agent.tools import ToolResult
from agent.tools.base import StructTool, ToolLog
from protocol import codes
from protocol import events as ev
from protocol.codec import decode_event
from protocol.content import AssistantMessage, ToolMessage
from protocol.frames import Refused
from protocol.submissions import Approval, ExecApproval, UserInput
from protocol.view import View, apply
from server.config.settings import Settings
from server.journal.base import Journal
from tests.faults.process.disks import KINDS, Outage, outage_of
from tests.support.application import settings_for
from tests.support.constants import built_in
from tests.support.live import DONE, Client, Live, client, listening, same_view
from tests.support.models.scripted_model import Call, Gate, Hang, ScriptedModel, Text, calls, stream, text
from tests.support.network.bare_http import request, status
from tests.support.polling import eventually

SOON_S = 5.0


@pytest.fixture(params=KINDS)
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outage]:
    with outage_of(request.param, tmp_path) as one:
        yield one


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[Outage]:
    with outage_of("locked", tmp_path) as one:
        yield one


def served(folder: Path, model: ScriptedModel, retry_s: float = 0.05) -> Settings:
    """A server that soon gives up on its journal."""
    built_in("journal", {"retry_s": retry_s})
    return settings_for(folder, model)


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that failed is tried again soon."""
    monkeypatch.setattr("server.journal.schema.BUSY_TIMEOUT_S", 0.02)
    monkeypatch.setattr("server.sessions.actor.RECOVERY_S", 0.1)


async def stored(journal: Journal, session_id: str) -> View:
    """The view that the journal's events fold to; they are seen to have no hole."""
    view = View()
    head = (await journal.stat(session_id)).head
    while view.seq < head:
        for record in await journal.read(session_id, view.seq):
            assert record.first_seq == view.seq + 1
            apply(view, decode_event(record.data))
    return view


async def agree(live: Live, *clients: Client) -> None:
    """Everyone has the same view: who stayed, who comes now, who reads it all, and the journal itself."""
    first = clients[0]
    for other in clients[1:]:
        while other.view.seq < first.view.seq:
            await other.next()
        assert same_view(other.view, first.view)
    session_id = first.ready.session_id
    async with client(live, session_id) as fresh, client(live, session_id, after=0, view=View()) as reader:
        assert same_view((await fresh.synced()).view, first.view)
        reader.view.model = first.ready.model
        assert same_view((await reader.synced()).view, first.view)
        assert reader.ready.recovered
    kept = await stored(live.manager.journal, session_id)
    kept.model = first.view.model
    assert same_view(kept, first.view)


def check_refusal(refused: Refused, outage: Outage) -> None:
    """The refusal names the file and the remedy."""
    assert refused.code == codes.JOURNAL_UNAVAILABLE and refused.retryable
    assert str(outage.folder / "journal.db") in refused.message
    assert outage.words in refused.message


async def refusal_of(talker: Client, id: str) -> Refused:
    """The refusal of this submission; it was not accepted before."""
    frame = await talker.until(lambda f: isinstance(f, (Refused, ev.Accepted)) and getattr(f, "id", id) == id)
    assert isinstance(frame, Refused), frame
    return frame


async def test_a_full_disk_ends_the_turn_with_an_error_and_the_session_continues_when_there_is_room(
    outage: Outage,
) -> None:
    gate = Gate()
    script = [stream(Text("One "), gate, Text("two " * 5_000), Hang()), text("Still ", "here.")]
    async with ScriptedModel(script) as model, listening(served(outage.folder, model)) as live:
        async with client(live) as talker, client(live, (await talker.synced()).ready.session_id) as other:
            session_id = talker.ready.session_id
            async with client(live, session_id, encoding="msgpack") as watcher:
                await watcher.synced()
                await talker.send(UserInput(text="hello", id="first"))
                await talker.until_type(ev.AssistantChunk)
                await gate.reached.wait()
                position = talker.position
                outage.begin()
                gate.open()
                for listener in (talker, watcher, other):
                    check_refusal(await listener.refusal(), outage)
                    assert listener.view.seq == position["after"]
                await asyncio.wait_for(model.requests[0].left.wait(), SOON_S)

                await talker.send(UserInput(text="more", id="second"))
                check_refusal(await refusal_of(talker, "second"), outage)
                async with client(live, session_id) as fresh, client(live, session_id, **position) as back:
                    assert (await fresh.synced()).view.open_message is not None
                    assert same_view(fresh.view, talker.view)
                    assert (await back.synced()).ready.recovered
                with pytest.raises(InvalidStatus) as denied:
                    async with client(live):
                        pass
                assert denied.value.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
                why = json.loads(denied.value.response.body or b"")
                assert why["code"] == "unavailable" and outage.words in why["message"]
                for path in ("/livez", f"/api/sessions/{session_id}", f"/api/sessions/{session_id}/events"):
                    assert status(await request(live.port, path)) == HTTPStatus.OK

                outage.end()
                ended = await talker.until_type(*DONE)
                assert isinstance(ended, ev.ErrorEvent) and ended.code == codes.JOURNAL_UNAVAILABLE
                assert ended.retryable and outage.words in ended.message
                assert talker.view.state == "idle"
                partial = talker.view.messages[-1]
                assert isinstance(partial, AssistantMessage) and partial.sealed and partial.text == "One "

                await talker.send(UserInput(text="more", id="second"))
                done = await talker.until_type(*DONE)
                assert isinstance(done, ev.TurnComplete) and done.final_response == "Still here."
                assert [e.submission_id for e in talker.events if isinstance(e, ev.Accepted)] == ["first", "second"]
                await agree(live, talker, watcher, other)


async def test_a_submission_that_is_not_stored_is_not_acknowledged_and_succeeds_when_there_is_room(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sessions.actor.RECOVERY_S", 600.0)
    async with ScriptedModel([text("Hello."), text("Here.")]) as model:
        async with listening(served(outage.folder, model)) as live, client(live) as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(ev.TurnComplete)
            outage.begin()
            for _ in range(3):
                await talker.send(UserInput(text="again " * 5_000, id="again"))
                check_refusal(await refusal_of(talker, "again"), outage)
            assert len(model.requests) == 1
            outage.end()
            await talker.send(UserInput(text="again " * 5_000, id="again"))
            await talker.until_type(ev.TurnComplete)
            assert len([e for e in talker.events if isinstance(e, ev.Accepted)]) == 2
            await agree(live, talker)


async def test_an_approval_waits_through_an_outage_and_its_call_runs_once(outage: Outage) -> None:
    wanted = Call("write", {"path": "a.txt", "content": "x"}, id="c1")
    async with ScriptedModel([calls(wanted, before="I write."), text("Done.")]) as model:
        async with listening(served(outage.folder, model)) as live, client(live) as talker:
            await talker.send(UserInput(text="write"))
            await talker.until_type(ev.ApprovalRequired)
            answer = ExecApproval(approvals=[Approval("c1", True, "yes " * 3_000)], id="yes")
            written = outage.folder / "workspaces" / talker.ready.session_id / "a.txt"
            outage.begin()
            await talker.send(answer)
            check_refusal(await refusal_of(talker, "yes"), outage)
            assert not written.exists()
            async with client(live, talker.ready.session_id) as fresh:
                assert (await fresh.synced()).view.state == "awaiting_approval"
            outage.end()
            await talker.send(answer)
            done = await talker.until_type(*DONE)
            assert isinstance(done, ev.TurnComplete)
            assert [e.state for e in talker.events if isinstance(e, ev.ToolStateChange)] == ["approved", "running"]
            assert written.read_text() == "x"
            await agree(live, talker)


class Nothing(msgspec.Struct):
    """No arguments."""


class Held(StructTool[Nothing]):
    """A tool that runs until the test lets it end, with more output than a disk that is full can take."""

    name = "hold"
    description = "Hold."
    arguments = Nothing

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.runs = 0

    async def execute(self, arguments: Nothing, log: ToolLog) -> ToolResult:
        self.runs += 1
        self.begun.set()
        await self.may_end.wait()
        return ToolResult(output="done " * 5_000, success=True)


async def test_a_tool_whose_result_cannot_be_stored_has_an_unknown_outcome_and_is_not_run_again(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    monkeypatch.setattr("server.sessions.toolset.file_tools", lambda *_, **__: [held])
    async with ScriptedModel([calls(Call("hold", {}, id="c1")), text("I see.")]) as model:
        async with listening(served(outage.folder, model)) as live, client(live) as talker:
            await talker.send(UserInput(text="hold"))
            await held.begun.wait()
            outage.begin()
            held.may_end.set()
            check_refusal(await talker.refusal(), outage)
            outage.end()
            ended = await talker.until_type(*DONE)
            assert isinstance(ended, ev.ErrorEvent) and ended.code == codes.JOURNAL_UNAVAILABLE
            states = [e.state for e in talker.events if isinstance(e, ev.ToolStateChange)]
            assert states == ["running", "outcome_unknown"]
            await talker.send(UserInput(text="what came of it?"))
            assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)
            results = [m for m in talker.view.messages if isinstance(m, ToolMessage)]
            assert [m.state for m in results] == ["outcome_unknown"] and held.runs == 1
            assert "unknown" in str(model.requests[1].messages)
            await agree(live, talker)


async def test_a_call_beside_a_waiting_one_is_reported_and_the_approval_still_waits(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, gated = Held(), NeedsApproval()
    monkeypatch.setattr("server.sessions.toolset.file_tools", lambda *_, **__: [held, gated])
    both = calls(Call("hold", {}, id="c1"), Call("ask", {}, id="c2"))
    async with ScriptedModel([both, text("I see.")]) as model:
        async with listening(served(outage.folder, model)) as live, client(live) as talker:
            await talker.send(UserInput(text="both"))
            await talker.until_type(ev.ApprovalRequired)
            await held.begun.wait()
            outage.begin()
            held.may_end.set()
            check_refusal(await talker.refusal(), outage)
            outage.end()
            ended = await talker.until_type(ev.ErrorEvent)
            assert ended.code == codes.JOURNAL_UNAVAILABLE and ended.turn_id is None
            assert talker.view.state == "awaiting_approval"
            await talker.send(ExecApproval(approvals=[Approval("c2", True)]))
            assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)
            results = {m.tool_call_id: m.state for m in talker.view.messages if isinstance(m, ToolMessage)}
            assert results == {"c1": "outcome_unknown", "c2": "completed"}
            assert (held.runs, gated.runs) == (1, 1)
            await agree(live, talker)


class NeedsApproval(Held):
    """A tool that must be asked for, and is done at once."""

    name = "ask"

    def effects(self, arguments: Nothing) -> Effects:
        return Effects("because", frozenset({"write_outside"}))

    async def execute(self, arguments: Nothing, log: ToolLog) -> ToolResult:
        self.runs += 1
        return ToolResult(output="asked", success=True)


async def test_all_sessions_report_the_outage_and_continue_after_it(outage: Outage) -> None:
    gates = [Gate() for _ in range(3)]
    script = [stream(Text("One "), gate, Text("two " * 5_000), Hang()) for gate in gates]
    async with ScriptedModel([*script, *[text("Still here.")] * 3]) as model:
        async with listening(served(outage.folder, model)) as live:
            async with client(live) as one, client(live) as two, client(live) as three:
                talkers = [one, two, three]
                for talker in talkers:
                    await talker.send(UserInput(text="hello"))
                    await talker.until_type(ev.AssistantChunk)
                await asyncio.gather(*(gate.reached.wait() for gate in gates))
                outage.begin()
                for gate in gates:
                    gate.open()
                for talker in talkers:
                    check_refusal(await talker.refusal(), outage)
                outage.end()
                for talker in talkers:
                    assert isinstance(await talker.until_type(*DONE), ev.ErrorEvent)
                    await talker.send(UserInput(text="and now?"))
                    assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)
                    await agree(live, talker)


async def test_a_lock_that_ends_within_the_retries_has_no_effect(
    lock: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    async with ScriptedModel([stream(Text("One "), gate, Text("two."), *text("").steps)]) as model:
        async with listening(served(lock.folder, model, retry_s=600.0)) as live, client(live) as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(ev.AssistantChunk)
            lock.begin()
            gate.open()
            await eventually(lambda: "tried again" in caplog.text, patience_s=SOON_S)
            lock.end()
            done = await talker.until_type(*DONE)
            assert isinstance(done, ev.TurnComplete) and done.final_response == "One two."
            assert "refused" not in talker.frame_types()
            await agree(live, talker)
