"""Guarantees: each by its name, over a real socket."""

import asyncio
import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest

from protocol import codec
from protocol import events as ev
from protocol.frames import Refused, Snapshot
from protocol.submissions import Approval, ExecApproval, Interrupt, Shutdown, UserInput
from protocol.view import View, apply
from tests.support.application import settings_for
from tests.support.live import DONE, Client, Live, client, listening, same_view
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Gate,
    Reason,
    ScriptedModel,
    Text,
    calls,
    stream,
    text,
)

ENCODINGS = ["json", "msgpack"]


async def conversation(talker: Client) -> None:
    """A turn with reasoning, text, a free call, an approval with edited arguments, and a plain turn after it."""
    await talker.send(UserInput(text="do it", id="one"))
    approval = await talker.until_type(ev.ApprovalRequired)
    edited = {"path": "b.txt", "content": "edited"}
    approvals = [Approval(approval.tools[0].tool_call_id, True, "", edited)]
    await talker.send(ExecApproval(approvals=approvals, id="two"))
    await talker.until_type(*DONE)
    await talker.send(UserInput(text="thanks", id="three"))
    await talker.until_type(*DONE)


def script() -> list[Answer]:
    return [
        stream(
            Reason("Let me "),
            Reason("see."),
            Text("I look "),
            Text("and write."),
            Call("list", {}, id="c1"),
            Call("write", {"path": "a.txt", "content": "x"}, id="c2"),
            Finish("tool_calls"),
        ),
        text("It ", "is ", "done. ", "Really."),
        text("You ", "are ", "welcome."),
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_nothing_lost_nothing_doubled_from_every_seq_of_a_conversation(tmp_path: Path, encoding: str) -> None:
    async with ScriptedModel(script()) as model, listening(settings_for(tmp_path, model)) as live:
        async with client(live, encoding=encoding) as stayed:
            await conversation(stayed)
            session_id = stayed.ready.session_id
        position = View(model=stayed.ready.model)
        for event in [None, *stayed.events]:
            if event is not None:
                apply(position, codec.decode_event(codec.encode(event)))
            query = {"after": position.seq, "epoch": stayed.ready.epoch}
            async with client(live, session_id, encoding=encoding, view=copy.deepcopy(position), **query) as back:
                await back.synced()
                assert back.ready.recovered
                assert same_view(back.view, stayed.view)
        async with client(live, session_id, encoding=encoding) as fresh:
            await fresh.synced()
            assert not fresh.ready.recovered
            assert same_view(fresh.view, stayed.view)


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_nothing_lost_nothing_doubled_inside_a_message_that_is_being_streamed(
    tmp_path: Path, encoding: str
) -> None:
    gate = Gate()
    pieces = [Text(f"word {number} ") for number in range(20)]
    script = [stream(*pieces[:10], gate, *pieces[10:], Finish())]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with client(live, encoding=encoding) as stayed:
            await stayed.send(UserInput(text="count"))
            while stayed.view.open_message is None or "word 9 " not in stayed.view.open_message.text:
                await stayed.next()
            session_id, epoch, head = stayed.ready.session_id, stayed.ready.epoch, stayed.view.seq
            known = [View(model=stayed.ready.model)]
            for event in stayed.events:
                known.append(copy.deepcopy(known[-1]))
                apply(known[-1], event)
            async with contextlib.AsyncExitStack() as stack:
                back = [
                    await stack.enter_async_context(
                        client(live, session_id, encoding=encoding, view=known[after], after=after, epoch=epoch)
                    )
                    for after in range(max(0, head - 25), head + 1)
                ]
                for other in back:
                    await other.synced()
                    assert other.ready.recovered
                    assert same_view(other.view, stayed.view)
                gate.open()
                for one in [stayed, *back]:
                    await one.until_type(*DONE)
                    assert same_view(one.view, stayed.view)


async def test_nothing_lost_over_a_server_that_was_stopped_in_the_middle_of_a_message(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedModel([stream(Text("Once upon"), gate, Text("!")), text("Hello.")]) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live, client(live) as before:
            await before.send(UserInput(text="tell"))
            await before.until_type(ev.AssistantChunk)
            live.server.should_exit = True
            code, reason = await before.closed()
            assert code == 1001
            assert "restart" in reason
        session_id = before.ready.session_id
        async with listening(settings) as live:
            async with client(live, session_id, view=before.view, **before.position) as back:
                await back.synced()
                assert back.ready.recovered
                await back.send(UserInput(text="and now?"))
                await back.until_type(ev.TurnComplete)
                assert back.view.messages[1].sealed  # type: ignore[union-attr]
            async with client(live, session_id, after=0) as whole:
                await whole.synced()
                whole.view.model = back.view.model
                assert same_view(whole.view, back.view)


async def test_a_proven_answer_a_position_past_the_end_or_of_another_epoch_gets_a_snapshot(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client(live) as talker:
        await talker.send(UserInput(text="hello"))
        await talker.until_type(*DONE)
        session_id, epoch = talker.ready.session_id, talker.ready.epoch
        bad: list[dict[str, Any]] = [{"after": 10_000, "epoch": epoch}, {"after": 3, "epoch": "never"}, {"after": 3}]
        for query in bad:
            async with client(live, session_id, **query) as back:
                await back.synced()
                assert back.ready.recovered is False
                assert isinstance(back.frames[1], Snapshot)
                assert same_view(back.view, talker.view)


async def test_said_once_a_submission_sent_again_is_answered_with_the_first_answer(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with listening(settings) as live, client(live) as talker:
        await talker.send(UserInput(text="hello", id="mine"))
        await talker.until_type(*DONE)
        await talker.send(UserInput(text="hello", id="mine"))
        again = await talker.until_type(ev.Accepted)
        assert again == next(event for event in talker.events if isinstance(event, ev.Accepted))
        await talker.send(UserInput(text="other", id="mine"))
        refused = await talker.refusal()
        assert (refused.id, refused.code, refused.retryable) == ("mine", "id_conflict", False)
        session_id = talker.ready.session_id
    async with listening(settings) as live, client(live, session_id, **talker.position) as back:
        await back.synced()
        await back.send(UserInput(text="hello", id="mine"))
        assert (await back.until_type(ev.Accepted)).seq == again.seq
        assert (await live.manager.get_session_info(session_id)).message_count == 2


async def test_a_socket_never_owns_a_session_the_turn_goes_on_without_any(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        ScriptedModel([stream(Text("Hel"), gate, Text("lo."), Finish())]) as model,
        listening(settings_for(tmp_path, model)) as live,
    ):
        async with client(live) as talker:
            await talker.send(UserInput(text="hi"))
            await talker.until_type(ev.AssistantChunk)
        gate.open()
        async with client(live, talker.ready.session_id, view=talker.view, **talker.position) as back:
            assert (await back.until_type(*DONE)).final_response == "Hello."


async def test_approvals_bind_the_first_answer_wins_and_every_client_hears_of_it(tmp_path: Path) -> None:
    script = [calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")), text("Done.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with client(live) as one, client_of(live, one) as two:
            await one.send(UserInput(text="write"))
            await one.until_type(ev.ApprovalRequired)
            await two.until_type(ev.ApprovalRequired)
            await one.send(ExecApproval(approvals=[Approval("c1", True)]))
            await one.until_type(*DONE)
            assert (await two.until_type(ev.ToolStateChange)).state == "approved"
            await two.send(ExecApproval(approvals=[Approval("c1", False)], id="late"))
            assert (await two.refusal()).code == "approval_stale"
            await two.send(ExecApproval(approvals=[Approval("c9", False)]))
            assert (await two.refusal()).code == "approval_unknown"


async def test_approvals_bind_over_a_restart(tmp_path: Path) -> None:
    script = [calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")), text("Done.")]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live, client(live) as before:
            await before.send(UserInput(text="write"))
            await before.until_type(ev.ApprovalRequired)
        session_id = before.ready.session_id
        async with listening(settings) as live, client(live, session_id) as back:
            await back.synced()
            assert back.ready.state == "awaiting_approval"
            assert back.view.pending_approval[0].tool_call_id == "c1"
            await back.send(ExecApproval(approvals=[Approval("c1", True)]))
            assert (await back.until_type(*DONE)).final_response == "Done."
            assert (tmp_path / "workspaces" / session_id / "a.txt").read_text() == "x"


async def test_an_interrupt_ends_the_turn_and_the_models_stream(tmp_path: Path) -> None:
    async with (
        ScriptedModel([stream(Text("Once"), Gate(), Text("!"))]) as model,
        listening(settings_for(tmp_path, model)) as live,
        client(live) as talker,
    ):
        await talker.send(UserInput(text="tell"))
        await talker.until_type(ev.AssistantChunk)
        await talker.send(Interrupt())
        assert (await talker.until_type(*DONE)).reason == "user"
        async with asyncio.timeout(30):
            await (await model.request(0)).left.wait()


@pytest.mark.parametrize("together", [True, False], ids=["in one message", "in two"])
async def test_an_interrupt_right_behind_an_input_stops_its_turn(tmp_path: Path, together: bool) -> None:
    async with (
        ScriptedModel([stream(Text("Once"), Gate(), Text("!"))]) as model,
        listening(settings_for(tmp_path, model)) as live,
        client(live) as talker,
    ):
        await talker.synced()
        frames = [codec.encode(submission).decode() for submission in (UserInput(text="tell"), Interrupt())]
        for message in ["\n".join(frames)] if together else frames:
            await talker.socket.send(message)
        assert (await talker.until_type(*DONE)).reason == "user"
        assert not any(isinstance(frame, Refused) for frame in talker.frames)


async def test_after_shutdown_the_history_can_be_read_and_nothing_more_is_taken(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        async with client(live) as talker:
            await talker.send(Shutdown())
            await talker.until_type(ev.ShutdownEvent)
            assert (await talker.closed())[0] == 1000
        async with client(live, talker.ready.session_id, after=0) as back:
            await back.synced()
            assert (back.ready.state, back.ready.recovered) == ("closed", True)
            await back.send(UserInput(text="hello?", id="x"))
            assert (await back.refusal()).code == "session_closed"


def client_of(live: Live, other: Client) -> "ClientOf":
    return ClientOf(live, other)


class ClientOf:
    """A second socket on the session of a first one, whose `ready` it waits for."""

    def __init__(self, live: Live, other: Client) -> None:
        self._live, self._other = live, other

    async def __aenter__(self) -> Client:
        await self._other.synced()
        self._context = client(self._live, self._other.ready.session_id)
        return await (await self._context.__aenter__()).synced()

    async def __aexit__(self, *exc: object) -> None:
        await self._context.__aexit__(None, None, None)
