"""Sub-agent `research` over a real socket: its calls are nested in its own call, it only reads, and it has bounds."""

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol import codec
from protocol import events as ev
from protocol.content import Step, ToolMessage
from protocol.submissions import Interrupt, UserInput
from protocol.view import View, apply
from tests.support.application import settings_for
from tests.support.live import DONE, Client, client, listening, same_view
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Gate,
    Hang,
    Refusal,
    ScriptedModel,
    Text,
    Usage,
    calls,
    stream,
    text,
)

KEY = "hf_" + "a" * 34
ASK = calls(Call("research", {"task": "What do the notes say?"}, id="r1"))
WRITE = calls(Call("write", {"path": "notes.txt", "content": f"Owls fly at night. {KEY}"}, id="w1"))


async def say(talker: Client, words: str) -> Any:
    await talker.send(UserInput(text=words))
    return await talker.until_type(*DONE)


def result(view: View, call_id: str = "r1") -> ToolMessage:
    return next(m for m in view.messages if isinstance(m, ToolMessage) and m.tool_call_id == call_id)


def steps(view: View) -> list[Step]:
    found = result(view).steps
    return [] if isinstance(found, msgspec.UnsetType) else found


def script(*inner: Answer) -> list[Answer]:
    """A turn that makes a file, one in which research works as told, and the answer."""
    return [WRITE, text("Written."), ASK, *inner, text("They are about owls.")]


async def test_calls_progress_and_cost_are_nested_in_the_research_call(tmp_path: Path) -> None:
    look = calls(Call("read", {"path": "notes.txt"}, id="x"), Call("list", {}, id="y"), before="I read the notes. ")
    inner = [look, calls(Call("read", {"path": "none.txt"}, id="x")), text("Owls fly at night: ", "notes.txt.")]
    async with ScriptedModel(script(*inner)) as model:
        settings = settings_for(tmp_path, model, policy={})
        async with listening(settings) as live, client(live) as stayed:
            await say(stayed, "make a note")
            assert isinstance(await say(stayed, "what is in it?"), ev.TurnComplete)
            called = result(stayed.view)
            assert called.output == "Owls fly at night: notes.txt."
            assert called.success
            rows = [(step.step_id, step.tool, step.success) for step in steps(stayed.view)]
            assert rows == [("1.1", "read", True), ("1.2", "list", True), ("2.1", "read", False)]
            assert "Owls fly at night." in str(steps(stayed.view)[0].output)
            assert KEY not in str(stayed.events)
            own = [event for event in stayed.events if isinstance(event, ev.UsageEvent) and event.tool_call_id == "r1"]
            assert len(own) == 3
            assert stayed.view.usage.input_tokens == 12 * 7
            logs = "".join(event.text for event in stayed.events if isinstance(event, ev.ToolLog))
            assert logs == "I read the notes. \nOwls fly at night: notes.txt.\n"
            await every_resume_is_whole(stayed, live)
        first = (await model.request(3)).body
        assert "make a note" not in str(first["messages"])
        assert {"research", "plan", "write", "bash", "hf_repo"}.isdisjoint(names(first))
        assert {"read", "list", "grep", "web_fetch"} <= names(first)
        assert "'save_as'" not in str(first["tools"])


def names(body: dict[str, Any]) -> set[str]:
    return {tool["function"]["name"] for tool in body["tools"]}


async def every_resume_is_whole(stayed: Client, live: Any) -> None:
    position, epoch = View(model=stayed.ready.model), stayed.ready.epoch
    for event in [None, *stayed.events]:
        if event is not None:
            apply(position, codec.decode_event(codec.encode(event)))
        view = copy.deepcopy(position)
        async with client(live, stayed.ready.session_id, view=view, after=position.seq, epoch=epoch) as back:
            await back.synced()
            assert same_view(back.view, stayed.view)
    async with client(live, stayed.ready.session_id) as fresh:
        await fresh.synced()
        assert same_view(fresh.view, stayed.view)


async def sent(model: ScriptedModel, number: int) -> list[dict[str, Any]]:
    """The messages of a request."""
    messages: list[dict[str, Any]] = (await model.request(number)).body["messages"]  # type: ignore[assignment]
    return messages


async def test_calls_that_need_approval_or_change_something_are_refused(tmp_path: Path) -> None:
    wanted = [
        Call("write", {"path": "b", "content": "x"}, id="a"),
        Call("research", {"task": "more"}, id="b"),
        Call("web_fetch", {"url": "https://example.com/"}, id="c"),
        Call("web_fetch", {"url": "https://example.com/", "save_as": "a"}, id="h"),
        Call("read", {"path": ".env"}, id="d"),
        Call("read", {"path": 1}, id="e"),
        Call("read", "{broken", id="f"),
        Call("no such tool", {}, id="g"),
    ]
    rules = [{"action": "ask", "tool": "read", "arguments": {"path": "env"}, "reason": "it may hold secrets"}]
    inner = [calls(*wanted), text("I may not.")]
    async with ScriptedModel(script(*inner)) as model:
        settings = settings_for(tmp_path, model, policy={"rules": rules})
        async with listening(settings) as live, client(live) as talker:
            await say(talker, "make a note")
            assert isinstance(await say(talker, "go"), ev.TurnComplete)
            assert not any(isinstance(event, ev.ApprovalRequired) for event in talker.events)
            assert not (tmp_path / "workspaces" / talker.ready.session_id / "b").exists()
            assert {step.success for step in steps(talker.view)} == {False}
        answers = [str(m["content"]) for m in await sent(model, 4) if m["role"] == "tool"]
    for answer, part in zip(
        answers,
        (
            "research does not have the tool write",
            "research does not have the tool research",
            "asks nobody",
            "omit `save_as`",
            "it may hold secrets",
            "$.path",
            "not a JSON object",
            "does not have the tool no_such_tool",
        ),
        strict=True,
    ):
        assert answer.startswith("Error: ")
        assert part in answer


async def test_research_reads_the_web_if_the_policy_allows_it(tmp_path: Path) -> None:
    rules = [{"action": "allow", "tool": "web_fetch"}]
    inner = [calls(Call("web_fetch", {"url": "http://127.0.0.1:1/"}, id="a")), text("It is not there.")]
    async with ScriptedModel(script(*inner)) as model:
        settings = settings_for(tmp_path, model, policy={"rules": rules})
        async with listening(settings) as live, client(live) as talker:
            await say(talker, "make a note")
            await say(talker, "go")
            assert "asks nobody" not in str(steps(talker.view)[0].output)


@pytest.mark.parametrize(
    "bound", [{"model_calls_max": 2}, {"tokens_max": 1_000, "model_calls_max": 9}], ids=["calls", "tokens"]
)
async def test_at_the_step_limit_the_last_message_is_the_report(tmp_path: Path, bound: dict[str, int]) -> None:
    dear = Usage(input_tokens=990, output_tokens=20)
    again = calls(Call("list", {}, id="a"), before="Still looking.", usage=dear)
    async with ScriptedModel(script(again, again)) as model:
        settings = settings_for(tmp_path, model, policy={}, research=bound)
        async with listening(settings) as live, client(live) as talker:
            await say(talker, "make a note")
            await say(talker, "go")
            assert result(talker.view).output == "Still looking."
            assert len(steps(talker.view)) == 1
        assert "write your report now" in str((await sent(model, 4))[-1])


@pytest.mark.parametrize(
    "bound", [{"research": {"time_max_s": 0.5}}, {"turn": {"tool_timeout_s": 0.625}}], ids=["own", "of all tools"]
)
async def test_at_the_time_limit_research_ends_with_its_text_so_far(tmp_path: Path, bound: dict[str, Any]) -> None:
    async with ScriptedModel(script(stream(Text("Owls, I think"), Hang()))) as model:
        settings = settings_for(tmp_path, model, policy={}, **bound)
        async with listening(settings) as live, client(live) as talker:
            await say(talker, "make a note")
            assert isinstance(await say(talker, "go"), ev.TurnComplete)
            called = result(talker.view)
            assert not called.success
            assert called.output.startswith("the research is not finished: its time limit of 0.5 s is reached")
            assert called.output.endswith("Owls, I think")


async def test_a_model_failure_ends_the_research_call_and_not_the_turn(tmp_path: Path) -> None:
    async with ScriptedModel(script(Refusal(400))) as model:
        settings = settings_for(tmp_path, model, policy={})
        async with listening(settings) as live, client(live) as talker:
            await say(talker, "make a note")
            assert isinstance(await say(talker, "go"), ev.TurnComplete)
            assert result(talker.view).output.startswith("the research is not finished: ")


async def test_research_uses_the_model_of_its_settings(tmp_path: Path) -> None:
    async with ScriptedModel(script(text("Nothing."))) as model:
        settings = settings_for(tmp_path, model, policy={}, research={"model": "openai/cheap"})
        async with listening(settings) as live, client(live) as talker:
            await say(talker, "make a note")
            await say(talker, "go")
        models = [(await model.request(number)).body["model"] for number in range(5)]
        assert models == ["scripted", "scripted", "scripted", "cheap", "scripted"]


async def test_an_interrupt_ends_research_and_keeps_its_steps(tmp_path: Path) -> None:
    inner = [calls(Call("list", {}, id="a")), stream(Text("Owls"), Hang())]
    async with ScriptedModel([ASK, *inner, text("Hello.")]) as model:
        async with listening(settings_for(tmp_path, model, policy={})) as live, client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(ev.ToolLog)
            await talker.send(Interrupt())
            assert isinstance(await talker.until_type(*DONE), ev.Interrupted)
            assert result(talker.view).state == "cancelled"
            assert [step.tool for step in steps(talker.view)] == ["list"]
            assert isinstance(await say(talker, "are you there?"), ev.TurnComplete)


async def test_a_server_stop_keeps_the_steps_of_research_and_does_not_repeat_them(tmp_path: Path) -> None:
    inner = [calls(Call("list", {}, id="a")), stream(Text("Owls"), Gate(), Finish())]
    async with ScriptedModel([ASK, *inner]) as model:
        settings = settings_for(tmp_path, model, policy={})
        async with listening(settings) as live, client(live) as before:
            await before.send(UserInput(text="go"))
            await before.until_type(ev.ToolLog)
            live.server.should_exit = True
            await before.closed()
        async with listening(settings) as live, client(live, before.ready.session_id) as back:
            await back.synced()
            assert back.view.state == "idle"
            assert result(back.view).state == "cancelled"
            assert [step.tool for step in steps(back.view)] == ["list"]
        assert len(model.requests) == 3


async def test_research_can_be_switched_off(tmp_path: Path) -> None:
    async with ScriptedModel([text("Hello.")]) as model:
        settings = settings_for(tmp_path, model, research={"enabled": False})
        async with listening(settings) as live, client(live) as talker:
            await say(talker, "hello")
        assert "research" not in names((await model.request(0)).body)
