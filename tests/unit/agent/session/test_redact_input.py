"""Input redaction: no event, no message to a model and no tool call of a session holds a secret."""

from typing import Any

import msgspec
import pytest

from agent.redaction import CUT_SHORT, PATTERNS, Redactor
from agent.session.messages import Fail, Stop, SummaryFailed, ToolDone, ToolLogged
from agent.session.redact_input import in_slices, without_secrets
from agent.tools import ToolResult
from protocol import codec
from protocol import events as ev
from protocol import submissions as sub
from protocol.content import PlanItem
from tests.unit.agent.session.script import Script, call, tag

SECRET = "hf_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1W"
SHOWN = "[redacted: Hugging Face token]"
PASSWORD = "correct-horse-battery"


def script() -> Script:
    return Script(redactor=Redactor({PASSWORD: "DB_PASSWORD"}, PATTERNS))


def all_text(session: Script) -> str:
    """All events and effects of the session, as text."""
    events = b"".join(codec.encode(event) for event in session.events)
    return events.decode() + str(session.effects) + str(session.session.state)


def texts(session: Script, kind: str = "text") -> str:
    return "".join(e.text for e in session.events if isinstance(e, ev.AssistantChunk) and e.kind == kind)


def test_user_input_is_redacted_in_events_and_in_the_context() -> None:
    session = script()
    session.say(f"use {SECRET} and {PASSWORD}")
    assert session.last(ev.Accepted).submission.text == f"use {SHOWN} and [redacted: DB_PASSWORD]"
    assert session.called().messages[-1]["content"] == f"use {SHOWN} and [redacted: DB_PASSWORD]"
    assert session.last(ev.TitleChanged).title == f"use {SHOWN} and [redacted: DB_PASSWORD]"
    session.say(f"also {SECRET}", when="steer")
    assert SECRET not in all_text(session)


async def test_a_large_input_redacted_in_slices_before_gives_the_same_events() -> None:
    redactor = Redactor({PASSWORD: "DB_PASSWORD"}, PATTERNS)
    text = f"words {SECRET} " * 3_000
    inputs: list[Any] = [
        sub.UserInput(text=text, id="a"),
        sub.ExecApproval(approvals=[sub.Approval(tool_call_id="a", approved=True, arguments={"a": [text], SECRET: 1})]),
        ToolDone("a", ToolResult(output=text, success=True), 1),
    ]
    session = script().session
    for message in inputs:
        sliced = await in_slices(redactor, message)
        assert sliced != message and PASSWORD not in str(sliced) and SECRET not in str(sliced)
        assert list(without_secrets(session, sliced)) == list(without_secrets(session, message))


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_model_text_is_redacted_across_deltas(size: int) -> None:
    session = script()
    session.say("go")
    text = f"It is {SECRET}, or {PASSWORD}. That was it: h"
    for at in range(0, len(text), size):
        session.stream(text[at : at + size])
        session.stream(text[at : at + size], kind="reasoning")
    session.finish()
    expected = f"It is {SHOWN}, or [redacted: DB_PASSWORD]. That was it: h"
    whole = session.last(ev.AssistantMessageEvent)
    assert whole.text == texts(session) == expected
    assert whole.reasoning == texts(session, "reasoning") == expected


def test_ordinary_deltas_are_not_held_back() -> None:
    session = script()
    session.say("go")
    for piece in ("Well, ", "it ", "looks ", "good."):
        assert session.stream(piece) == ["assistant_chunk"]
        assert session.last(ev.AssistantChunk).text == piece


def test_possible_beginning_of_a_secret_is_held_back() -> None:
    session = script()
    session.say("go")
    assert session.stream("hf_Ab1") == []
    assert session.stream(" is no token.") == ["assistant_chunk"]
    assert session.last(ev.AssistantChunk).text == "hf_Ab1 is no token."


@pytest.mark.parametrize("end", ["interrupt", "shutdown", "stop", "fault", "model fails"])
def test_aborted_message_shows_no_half_of_a_secret(end: str) -> None:
    session = script()
    session.say("go")
    session.stream(f"It is {SECRET[:18]}")
    match end:
        case "interrupt":
            session.submit(sub.Interrupt())
        case "shutdown":
            session.submit(sub.Shutdown())
        case "stop":
            session.handle(Stop())
        case "fault":
            session.handle(Fail("internal", "the server failed", True))
        case "model fails":
            session.model_fails()
    sealed = session.last(ev.AssistantMessageEvent)
    assert sealed.sealed
    assert sealed.text == texts(session) == f"It is {CUT_SHORT}"


def test_held_back_text_is_lost_in_a_crash() -> None:
    session = script()
    session.say("go")
    session.stream(f"It is {SECRET[:18]}")
    session.restart()
    assert session.view.open_message.text == "It is "


def test_redacted_arguments_are_shown_approved_and_run() -> None:
    """A tool runs with the marker, too: the model's input was redacted, so it only knows the marker."""
    session = script()
    session.say("go")
    arguments = msgspec.json.encode({"path": f"keys/{SECRET}", "deep": [{SECRET: PASSWORD}]}).decode()
    session.finish(call("c1", "write", arguments))
    shown = {"path": f"keys/{SHOWN}", "deep": [{SHOWN: "[redacted: DB_PASSWORD]"}]}
    assert session.last(ev.ToolCallEvent).arguments == shown
    assert session.last(ev.ApprovalRequired).tools[0].arguments == shown
    session.approve("c1")
    assert session.ran()[0].arguments == shown
    assert SECRET not in all_text(session)


def test_an_edit_and_feedback_are_redacted_before_they_are_stored_and_run() -> None:
    session = script()
    session.say("go")
    session.finish(call("c1", "write", '{"path":"x"}'), call("c2", "write", '{"path":"y"}'))
    session.approve("c1", arguments={"path": PASSWORD})
    session.reject("c2", feedback=f"not with {SECRET}" + "!" * 19_960)
    assert session.ran()[0].arguments == {"path": "[redacted: DB_PASSWORD]"}
    assert SECRET not in all_text(session)
    assert PASSWORD not in all_text(session)


def test_malformed_call_is_redacted_in_id_name_and_text() -> None:
    session = script()
    session.say("go")
    session.finish(
        call(SECRET, SECRET, '{"path":"' + SECRET), call("c2", PASSWORD, '{"path":"\\u0068f_' + SECRET[3:] + '"}')
    )
    assert SECRET not in all_text(session)
    assert PASSWORD not in all_text(session)
    assert SECRET[:20] not in all_text(session)


def test_a_tools_log_output_and_plan_are_redacted() -> None:
    session = script()
    session.say("go")
    session.finish(call("c1", "read"))
    for piece in ("key: hf_", SECRET[3:20], SECRET[20:], " and ", PASSWORD[:7], PASSWORD[7:], " h"):
        session.handle(ToolLogged("c1", piece))
    result = ToolResult(output=f"got {SECRET}", success=True, plan=(PlanItem(f"hide {PASSWORD}", "pending"),))
    session.handle(ToolDone("c1", result, 5))
    logged = "".join(event.text for event in session.events if isinstance(event, ev.ToolLog))
    assert logged == f"key: {SHOWN} and [redacted: DB_PASSWORD] h"
    assert session.last(ev.ToolOutput).output == f"got {SHOWN}"
    assert session.last(ev.PlanUpdate).items[0].text == "hide [redacted: DB_PASSWORD]"
    assert SECRET not in all_text(session)


def test_errors_summaries_and_models_names_are_redacted() -> None:
    session = script()
    for word in ("word " * 30_000, "more"):
        session.say(word)
        session.stream("well")
        session.finish()
    session.submit(sub.Compact())
    session.handle(SummaryFailed(session.session.summary_id or "", "model_auth", f"bad key {SECRET}", False))
    session.submit(sub.Compact())
    session.summarised(f"They shared {SECRET}.")
    assert session.last(ev.Compacted).summary == f"They shared {SHOWN}."
    session.submit(sub.SetModel(model=f"x/{SECRET}{'y' * 160}"))
    assert "x/[redacted: Hugging Face token]" in all_text(session)
    session.say("go")
    session.handle(Fail("internal", f"because of {PASSWORD}", True))
    assert SECRET not in all_text(session)
    assert PASSWORD not in all_text(session)


def test_id_that_looks_like_a_secret_is_refused() -> None:
    session = script()
    assert session.submit(sub.UserInput(text="hello", id=SECRET)) == []
    assert session.answer is not None
    assert getattr(session.answer, "code", "") == "invalid"


def test_every_text_of_a_session_is_redacted_unless_it_is_switched_off() -> None:
    session = Script(redactor=Redactor())
    session.say(SECRET)
    assert SECRET in all_text(session)
    assert [tag(event) for event in session.events][0] == "accepted"
