"""A session never holds a secret: whatever it is told, no event, no message to a model and no call of a tool has one."""

import msgspec
import pytest

from agent.redaction import CUT_SHORT, PATTERNS, Redactor
from agent.session.messages import Fail, Stop, SummaryFailed, ToolDone, ToolLogged
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


def told(session: Script) -> str:
    """All that it said, and all that it asked for."""
    events = b"".join(codec.encode(event) for event in session.events)
    return events.decode() + str(session.effects) + str(session.session.state)


def texts(session: Script, kind: str = "text") -> str:
    return "".join(e.text for e in session.events if isinstance(e, ev.AssistantChunk) and e.kind == kind)


def test_what_a_user_says_is_redacted_before_it_is_an_event_and_before_the_model_has_it() -> None:
    session = script()
    session.say(f"use {SECRET} and {PASSWORD}")
    assert session.last(ev.Accepted).submission.text == f"use {SHOWN} and [redacted: DB_PASSWORD]"
    assert session.called().messages[-1]["content"] == f"use {SHOWN} and [redacted: DB_PASSWORD]"
    assert session.last(ev.TitleChanged).title == f"use {SHOWN} and [redacted: DB_PASSWORD]"
    session.say(f"also {SECRET}", when="steer")
    assert SECRET not in told(session)


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_what_a_model_says_is_redacted_over_the_borders_of_its_pieces(size: int) -> None:
    session = script()
    session.say("go")
    said = f"It is {SECRET}, or {PASSWORD}. That was it: h"
    for at in range(0, len(said), size):
        session.stream(said[at : at + size])
        session.stream(said[at : at + size], kind="reasoning")
    session.finish()
    expected = f"It is {SHOWN}, or [redacted: DB_PASSWORD]. That was it: h"
    whole = session.last(ev.AssistantMessageEvent)
    assert whole.text == texts(session) == expected
    assert whole.reasoning == texts(session, "reasoning") == expected


def test_ordinary_pieces_are_told_as_they_come() -> None:
    session = script()
    session.say("go")
    for piece in ("Well, ", "it ", "looks ", "good."):
        assert session.stream(piece) == ["assistant_chunk"]
        assert session.last(ev.AssistantChunk).text == piece


def test_a_piece_that_may_begin_a_secret_waits_for_the_next() -> None:
    session = script()
    session.say("go")
    assert session.stream("hf_Ab1") == []
    assert session.stream(" is no token.") == ["assistant_chunk"]
    assert session.last(ev.AssistantChunk).text == "hf_Ab1 is no token."


@pytest.mark.parametrize("end", ["interrupt", "shutdown", "stop", "fault", "model fails"])
def test_a_message_that_is_cut_off_shows_no_half_of_a_secret(end: str) -> None:
    session = script()
    session.say("go")
    session.stream(f"It is {SECRET[:18]}")
    match end:
        case "interrupt":
            session.submit(sub.Interrupt())
        case "shutdown":
            session.submit(sub.Shutdown())
        case "stop":
            session.tell(Stop())
        case "fault":
            session.tell(Fail("internal", "the server failed", True))
        case "model fails":
            session.model_fails()
    sealed = session.last(ev.AssistantMessageEvent)
    assert sealed.sealed
    assert sealed.text == texts(session) == f"It is {CUT_SHORT}"


def test_after_a_crash_what_was_held_back_is_gone_and_nothing_of_it_was_told() -> None:
    session = script()
    session.say("go")
    session.stream(f"It is {SECRET[:18]}")
    session.restart()
    assert session.view.open_message.text == "It is "


def test_what_was_approved_is_what_runs_and_is_what_everyone_saw() -> None:
    """A tool is run with the marker, too: a model knows no secret but one that somebody told it, and it was told the marker."""
    session = script()
    session.say("go")
    arguments = msgspec.json.encode({"path": f"keys/{SECRET}", "deep": [{SECRET: PASSWORD}]}).decode()
    session.finish(call("c1", "write", arguments))
    shown = {"path": f"keys/{SHOWN}", "deep": [{SHOWN: "[redacted: DB_PASSWORD]"}]}
    assert session.last(ev.ToolCallEvent).arguments == shown
    assert session.last(ev.ApprovalRequired).tools[0].arguments == shown
    session.approve("c1")
    assert session.ran()[0].arguments == shown
    assert SECRET not in told(session)


def test_an_edit_and_feedback_are_redacted_before_they_are_stored_and_run() -> None:
    session = script()
    session.say("go")
    session.finish(call("c1", "write", '{"path":"x"}'), call("c2", "write", '{"path":"y"}'))
    session.approve("c1", arguments={"path": PASSWORD})
    session.reject("c2", feedback=f"not with {SECRET}" + "!" * 19_960)
    assert session.ran()[0].arguments == {"path": "[redacted: DB_PASSWORD]"}
    assert SECRET not in told(session)
    assert PASSWORD not in told(session)


def test_a_call_that_cannot_be_read_keeps_no_secret_in_its_id_name_or_text() -> None:
    session = script()
    session.say("go")
    session.finish(
        call(SECRET, SECRET, '{"path":"' + SECRET), call("c2", PASSWORD, '{"path":"\\u0068f_' + SECRET[3:] + '"}')
    )
    assert SECRET not in told(session)
    assert PASSWORD not in told(session)
    assert SECRET[:20] not in told(session)


def test_a_tools_log_output_and_plan_are_redacted() -> None:
    session = script()
    session.say("go")
    session.finish(call("c1", "read"))
    for piece in ("key: hf_", SECRET[3:20], SECRET[20:], " and ", PASSWORD[:7], PASSWORD[7:], " h"):
        session.tell(ToolLogged("c1", piece))
    result = ToolResult(output=f"got {SECRET}", success=True, plan=(PlanItem(f"hide {PASSWORD}", "pending"),))
    session.tell(ToolDone("c1", result, 5))
    logged = "".join(event.text for event in session.events if isinstance(event, ev.ToolLog))
    assert logged == f"key: {SHOWN} and [redacted: DB_PASSWORD] h"
    assert session.last(ev.ToolOutput).output == f"got {SHOWN}"
    assert session.last(ev.PlanUpdate).items[0].text == "hide [redacted: DB_PASSWORD]"
    assert SECRET not in told(session)


def test_errors_summaries_and_models_names_are_redacted() -> None:
    session = script()
    for word in ("word " * 30_000, "more"):
        session.say(word)
        session.stream("well")
        session.finish()
    session.submit(sub.Compact())
    session.tell(SummaryFailed(session.session.summary_id or "", "model_auth", f"bad key {SECRET}", False))
    session.submit(sub.Compact())
    session.summarised(f"They shared {SECRET}.")
    assert session.last(ev.Compacted).summary == f"They shared {SHOWN}."
    session.submit(sub.SetModel(model=f"x/{SECRET}{'y' * 160}"))
    assert "x/[redacted: Hugging Face token]" in told(session)
    session.say("go")
    session.tell(Fail("internal", f"because of {PASSWORD}", True))
    assert SECRET not in told(session)
    assert PASSWORD not in told(session)


def test_an_id_that_looks_like_a_secret_is_refused_for_ids_are_stored() -> None:
    session = script()
    assert session.submit(sub.UserInput(text="hello", id=SECRET)) == []
    assert session.answer is not None
    assert getattr(session.answer, "code", "") == "invalid"


def test_every_text_of_a_session_is_redacted_unless_it_is_switched_off() -> None:
    session = Script(redactor=Redactor())
    session.say(SECRET)
    assert SECRET in told(session)
    assert [tag(event) for event in session.events][0] == "accepted"
