"""Grants over a real socket: approvals for the whole session, and the spending limit."""

from pathlib import Path

import msgspec

from agent.models.catalog import ModelEntry
from protocol import events as ev
from protocol.submissions import AnswerQuestion, Approval, ExecApproval, Undo, UserInput, Withdraw
from protocol.view import View
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.live import DONE, Client, client, listening, same_view
from tests.support.models.scripted_model import Call, ScriptedModel, Usage, calls, text


def write(name: str, call_id: str) -> Call:
    return Call("write", {"path": name, "content": "x"}, id=call_id)


async def say(talker: Client, words: str) -> None:
    await talker.send(UserInput(text=words))


async def answer(talker: Client, scope: str) -> None:
    approval = await talker.until_type(ev.ApprovalRequired)
    approvals = [
        msgspec.convert({"tool_call_id": tool.tool_call_id, "approved": True, "scope": scope}, Approval)
        for tool in approval.tools
    ]
    await talker.send(ExecApproval(approvals=approvals))


async def test_a_grant_holds_after_an_undo_and_a_restart_and_for_all_clients(
    tmp_path: Path,
) -> None:
    script = [calls(write("a", "c1")), text("Done."), calls(write("b", "c2")), text("Done again.")]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live, client(live) as first:
            await say(first, "write a")
            await answer(first, "session")
            await first.until_type(*DONE)
            await first.send(Undo())
            await first.until_type(ev.UndoComplete)
            assert first.view.grants == ["write"]
        session_id, epoch = first.ready.session_id, first.ready.epoch
        async with listening(settings) as live, client(live, session_id) as fresh:
            await fresh.synced()
            assert fresh.view.grants == ["write"]
            await say(fresh, "write b")
            assert isinstance(await fresh.until_type(*DONE), ev.TurnComplete)
            assert (tmp_path / "workspaces" / session_id / "b").read_text() == "x"
            start = View(model=fresh.ready.model)
            async with client(live, session_id, after=0, epoch=epoch, view=start) as whole:
                await whole.synced()
                assert same_view(whole.view, fresh.view)
                assert sum(isinstance(event, ev.ApprovalRequired) for event in whole.events) == 1


def careful(data: Path, model: ScriptedModel, limit: float) -> Settings:
    """yolo_mode with a spending limit, and a model that costs a dollar for a thousand tokens either way."""
    settings = settings_for(data, model, policy={"yolo_mode": True, "spending_limit_usd": limit})
    entry = ModelEntry(name="openai/scripted", input_usd=1_000.0, output_usd=1_000.0)
    return msgspec.structs.replace(settings, model=msgspec.structs.replace(settings.model, models=[entry]))


async def test_yolo_mode_pauses_at_the_spending_limit_and_continues_after_an_answer(tmp_path: Path) -> None:
    dear = Usage(input_tokens=590, output_tokens=10)
    script = [calls(write("a", "c1"), usage=dear), calls(write("b", "c2"), usage=dear), text("Done.")]
    async with ScriptedModel(script) as model, listening(careful(tmp_path, model, 1.0)) as live:
        async with client(live) as talker:
            await say(talker, "write a and b")
            approval = await talker.until_type(ev.ApprovalRequired)
            assert [tool.tool_call_id for tool in approval.tools] == ["c2"]
            assert approval.tools[0].grant is msgspec.UNSET
            for part in ("$1.00", "$1.20"):
                assert part in approval.tools[0].reason
            session_id = talker.ready.session_id
            assert (tmp_path / "workspaces" / session_id / "a").exists()
            assert not (tmp_path / "workspaces" / session_id / "b").exists()
            await talker.send(ExecApproval(approvals=[Approval("c2", True)]))
            assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)
            assert (tmp_path / "workspaces" / session_id / "b").exists()


async def test_no_tool_and_no_submission_changes_the_policy(tmp_path: Path) -> None:
    """The policy is in the settings alone: what a session writes is in its own folder, and is not read as settings."""
    loose = '{"policy": {"yolo_mode": true, "rules": []}, "yolo_mode": true}'
    names = ["configs/main_agent_config.json", "AGENTS.md", ".holdfast/policy.json"]
    wanted = [Call("write", {"path": name, "content": loose}, id=f"c{n}") for n, name in enumerate(names)]
    escape = Call("write", {"path": "../../../configs/main_agent_config.json", "content": loose}, id="escape")
    script = [calls(*wanted, escape), text("Written."), calls(write("b", "last")), text("Done.")]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live, client(live) as talker:
            await say(talker, "loosen it")
            await answer(talker, "once")
            await talker.until_type(*DONE)
            refused = next(e for e in talker.events if isinstance(e, ev.ToolOutput) and e.tool_call_id == "escape")
            assert not refused.success
            await say(talker, "write b")
            approval = await talker.until_type(ev.ApprovalRequired)
            assert [tool.tool_call_id for tool in approval.tools] == ["last"]


async def test_the_model_asks_the_user_and_a_waiting_input_is_taken_back_meanwhile(tmp_path: Path) -> None:
    fields = [{"name": "color", "kind": "choice", "options": ["red", "blue"], "required": True}]
    script = [calls(Call("ask_user", {"question": "Which?", "fields": fields}, id="c1")), text("Red it is.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live, client(live) as talker:
        await talker.send(UserInput(text="paint it"))
        asked = (await talker.until_type(ev.AskUser)).question
        assert (asked.asker, asked.message) == ("the agent", "Which?")
        async with client(live, talker.ready.session_id) as other:
            await (await other.synced()).send(UserInput(id="later", text="and then"))
            await other.until_type(ev.Accepted)
            await other.send(Withdraw(submission_id="later"))
            await talker.until_type(ev.InputWithdrawn)
            await other.send(AnswerQuestion(question_id=asked.question_id, action="accept", content={"color": "red"}))
        await talker.until_type(*DONE)
        outputs = [event.output for event in talker.events if isinstance(event, ev.ToolOutput)]
        assert outputs == ['{"color":"red"}']
        assert talker.view.queued == [] and len(model.requests) == 2
