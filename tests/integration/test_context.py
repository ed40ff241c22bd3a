"""Model context over a real socket: what is added to the conversation, and the model calls outside of a turn."""

from pathlib import Path

import msgspec
import pytest

from agent.sandbox.local.probe import probe
from agent.session.context import NOTES_INTRO, OWNERS_NOTES_INTRO
from agent.session.titles import TITLE_MAX_TOKENS
from protocol import events as ev
from protocol.submissions import Approval, ExecApproval, SetTitle, UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, client, listening, same_view
from tests.support.models.scripted_model import (
    Call,
    Hang,
    Refusal,
    ScriptedModel,
    Text,
    calls,
    stream,
    text,
)
from tests.support.network.http_client import http_client

needs_commands = pytest.mark.skipif(probe().program is None, reason=f"no sandbox on this machine: {probe().why}")


async def test_agents_md_is_sent_with_each_call_in_its_current_form(tmp_path: Path) -> None:
    notes = {"path": "AGENTS.md", "content": "Use tabs. Key: hf_" + "a" * 34}
    script = [calls(Call("write", notes, id="c1")), text("Done."), text("Yes.")]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model, policy={})
        async with listening(settings) as live, client(live) as talker:
            await talker.send(UserInput(text="remember"))
            tool = (await talker.until_type(ev.ApprovalRequired)).tools[0]
            assert tool.grant is msgspec.UNSET
            await talker.send(ExecApproval(approvals=[Approval(tool.tool_call_id, approved=True)]))
            await talker.until_type(*DONE)
            place = tmp_path / "workspaces" / talker.ready.session_id / "AGENTS.md"
            place.write_text("Use spaces. Key: hf_" + "a" * 34)
            await talker.send(UserInput(text="what now?"))
            await talker.until_type(*DONE)
        first, second, third = [str((await model.request(n)).body["messages"]) for n in range(3)]
    assert "AGENTS.md" not in first
    assert "Use tabs." in second
    assert "Use spaces." in third
    assert "hf_aaa" not in second + third


async def test_agents_md_is_called_the_owners_as_long_as_it_is_what_the_owner_uploaded(tmp_path: Path) -> None:
    async with ScriptedModel([text("Yes."), text("Yes.")]) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live, client(live) as talker:
            session_id = (await talker.synced()).ready.session_id
            async with http_client(live.http) as http:
                put = await http.put(f"/api/sessions/{session_id}/files/AGENTS.md", content=b"Use tabs.")
                assert put.status_code == 201
            await talker.until_type(ev.NotesUploaded)
            await talker.send(UserInput(text="one"))
            await talker.until_type(*DONE)
            (tmp_path / "workspaces" / session_id / "AGENTS.md").write_text("Use spaces.")
            await talker.send(UserInput(text="two"))
            await talker.until_type(*DONE)
        first, second = [str((await model.request(n)).body["messages"]) for n in range(2)]
    assert OWNERS_NOTES_INTRO.strip() in first and "Use tabs." in first
    assert NOTES_INTRO.strip() in second and "Use spaces." in second


async def test_the_call_for_a_title_ends_where_a_turn_begins_and_is_made_again_after_it(tmp_path: Path) -> None:
    title = stream(Text("Owls"), Hang())
    async with ScriptedModel([text("Night falls."), title, text("More."), text("Owls at night")]) as model:
        settings = settings_for(tmp_path, model, turn={"title_by_model": True})
        async with listening(settings) as live, client(live) as talker:
            await talker.send(UserInput(text="A poem\nabout owls"))
            await talker.until_type(*DONE)
            assert talker.view.title == "A poem"
            request = await model.request(1)
            assert TITLE_MAX_TOKENS in request.body.values()
            await talker.send(UserInput(text="more"))
            await talker.until_type(*DONE)
            await request.left.wait()
            await talker.until_type(ev.TitleChanged)
            assert talker.view.title == "Owls at night"
            assert talker.view.usage.output_tokens > 0
            async with client(live, talker.ready.session_id, after=0, epoch=talker.ready.epoch) as whole:
                await whole.synced()
                assert whole.view.title == "Owls at night"
                assert whole.view.messages == talker.view.messages


async def test_a_failed_title_call_leaves_the_first_line_as_the_title(tmp_path: Path) -> None:
    async with ScriptedModel([text("Night falls."), Refusal(401), text("More."), Refusal(401)]) as model:
        settings = settings_for(tmp_path, model, turn={"title_by_model": True})
        async with listening(settings) as live, client(live) as talker:
            await talker.send(UserInput(text="A poem"))
            await talker.until_type(*DONE)
            await model.request(1)
            await talker.send(UserInput(text="more"))
            assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)
            assert talker.view.title == "A poem"
            assert not any(isinstance(event, ev.ErrorEvent) for event in talker.events)


async def test_a_title_that_the_user_set_is_not_replaced(tmp_path: Path) -> None:
    async with ScriptedModel([text("Night falls.")]) as model:
        settings = settings_for(tmp_path, model, turn={"title_by_model": True})
        async with listening(settings) as live, client(live) as talker:
            await talker.send(SetTitle(title="Mine"))
            await talker.send(UserInput(text="A poem"))
            await talker.until_type(*DONE)
            async with client(live, talker.ready.session_id) as other:
                await other.synced()
                assert other.view.title == "Mine"
                assert same_view(other.view, talker.view)


@needs_commands
async def test_a_command_that_writes_agents_md_is_recorded_and_the_model_is_told(tmp_path: Path) -> None:
    harmless = Call("bash", {"command": "echo hi > AGENTS.txt"}, id="c1")
    writing = Call("bash", {"command": "echo 'Use tabs.' > AGENTS.md"}, id="c2")
    async with ScriptedModel([calls(harmless), calls(writing), text("Done."), text("Yes.")]) as model:
        async with listening(settings_for(tmp_path, model, policy={})) as live, client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(*DONE)
            changes = [event for event in talker.events if isinstance(event, ev.NotesChanged)]
            assert [(event.tool_call_id, event.tool, event.share_id) for event in changes] == [
                ("c2", "bash", msgspec.UNSET)
            ]
            (tmp_path / "workspaces" / talker.ready.session_id / "AGENTS.md").write_text("Use spaces.")
            await talker.send(UserInput(text="more"))
            await talker.until_type(*DONE)
        third, fourth = [str((await model.request(n)).body["messages"]) for n in (2, 3)]
    assert "a call of the tool `bash` wrote them" in third and "Use tabs." in third
    assert NOTES_INTRO.strip() in fourth and "Use spaces." in fourth
