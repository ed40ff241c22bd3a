"""Questions of running calls: asked once, answered once, and gone with their call."""

from typing import Any

import pytest

from agent.session.messages import AnswerCall, QuestionWithdrawn, Recover, ToolAsked
from agent.session.tool_calls import QUESTIONS_MAX
from protocol import events as ev
from protocol.content import Question, QuestionField, QuestionOption
from protocol.submissions import AnswerQuestion, Interrupt
from tests.unit.agent.session.script import Script, call

COLOR = QuestionField(
    "color", "choice", required=True, options=[QuestionOption("red", "Red"), QuestionOption("blue", "Blue")]
)


def asking(number: int = 1, call_id: str = "c1", fields: Any = (COLOR,)) -> ToolAsked:
    return ToolAsked(Question(f"q{number}", call_id, "shop", "form", "Which?", list(fields)))


def running() -> Script:
    """A session with a running call."""
    script = Script()
    script.say("go")
    script.finish(call("c1"))
    assert script.handle(asking()) == ["ask_user"]
    return script


def answer(action: Any = "accept", question_id: str = "q1", **content: Any) -> AnswerQuestion:
    return AnswerQuestion(question_id=question_id, action=action, content=content)


def test_the_first_answer_reaches_the_call_and_closes_the_question() -> None:
    script = running()
    assert script.view.state == "running"
    assert script.submit(answer(color="red")) == ["accepted", "question_closed"]
    assert script.effects == [AnswerCall("q1", "accept", {"color": "red"})]
    assert script.view.questions == []
    assert script.submit(answer(color="blue")) == []
    assert getattr(script.answer, "code", "") == "question_unknown"


def test_a_guest_who_may_drive_answers_and_the_event_says_so() -> None:
    script = running()
    link = script.link()
    script.submit(answer("decline"), link)
    closed = script.last(ev.QuestionClosed)
    assert (closed.action, closed.share_id) == ("decline", link)


@pytest.mark.parametrize("content", [{}, {"color": "green"}, {"color": 1}, {"color": "red", "size": "s"}])
def test_an_answer_that_does_not_fit_the_fields_is_refused_and_the_question_stays(content: dict[str, Any]) -> None:
    script = running()
    assert script.submit(answer(**content)) == []
    assert getattr(script.answer, "code", "") == "invalid" and len(script.view.questions) == 1


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", "a", 1),
        ("integer", 1, 1.5),
        ("integer", 0, True),
        ("number", 1.5, "1.5"),
        ("boolean", False, 0),
        ("choices", ["red"], ["red", "red"]),
        ("choices", [], "red"),
    ],
)
def test_each_kind_of_field_takes_its_values_and_no_others(kind: Any, good: Any, bad: Any) -> None:
    field = QuestionField("f", kind, options=COLOR.options if kind == "choices" else [])
    script = running()
    script.handle(asking(2, fields=(field,)))
    assert script.submit(answer(question_id="q2", f=bad)) == []
    assert script.submit(answer(question_id="q2", f=good)) == ["accepted", "question_closed"]


def test_the_questions_of_a_call_are_gone_when_it_ends() -> None:
    for ended_by in ("result", "interrupt"):
        script = running()
        if ended_by == "result":
            script.tool_done("c1")
        else:
            script.submit(Interrupt())
        assert script.view.questions == []
        assert script.handle(QuestionWithdrawn("q1")) == []


def test_a_question_whose_server_does_not_wait_any_more_is_withdrawn() -> None:
    script = running()
    assert script.handle(QuestionWithdrawn("q1")) == ["question_closed"]
    assert script.last(ev.QuestionClosed).action == "withdrawn"


def test_what_nobody_can_answer_is_declined() -> None:
    script = running()
    for number in range(2, QUESTIONS_MAX + 1):
        script.handle(asking(number))
    for asked in (asking(99), asking(98, "unknown")):
        assert script.handle(asked) == []
        assert script.effects == [AnswerCall(asked.question.question_id, "decline")]


def test_after_a_restart_no_question_waits() -> None:
    script = running()
    script.restart()
    script.handle(Recover())
    assert script.view.questions == []
