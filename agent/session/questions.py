"""Questions: what a running call asks of the user, and the user's answer."""

from typing import Any

from agent.session.messages import AnswerCall, QuestionWithdrawn, SubmissionRefusal, ToolAsked
from agent.session.session import Session
from protocol import codes
from protocol import events as ev
from protocol.content import Question, QuestionField
from protocol.submissions import AnswerQuestion
from protocol.view import open_call

QUESTIONS_MAX = 8
"""Questions of one session that may wait at once; more are declined. A person answers one after another."""


def on_tool_asked(session: Session, asked: ToolAsked) -> None:
    """Show the question, if its call runs and few others wait; decline it otherwise."""
    view, question = session.state.view, asked.question
    call = open_call(view, question.tool_call_id)
    if call is None or call.state != "running" or len(view.questions) >= QUESTIONS_MAX:
        session.add_effect(AnswerCall(question.question_id, "decline"))
    else:
        session.emit(ev.AskUser, question=question)


def on_question_withdrawn(session: Session, withdrawn: QuestionWithdrawn) -> None:
    """Close a question whose asker does not wait any more."""
    question = _find(session, withdrawn.question_id)
    if question is not None:
        _close(session, question, "withdrawn")


def on_answer_question(session: Session, submission: AnswerQuestion) -> ev.Accepted | SubmissionRefusal:
    """Give the call the answer. The first answer counts."""
    question = _find(session, submission.question_id)
    if question is None:
        return SubmissionRefusal(codes.QUESTION_UNKNOWN, f"no question {submission.question_id!r} waits for an answer")
    content: dict[str, Any] = dict(submission.content)
    if submission.action == "accept":
        complaint = content_fault(question, content)
        if complaint is not None:
            return SubmissionRefusal(codes.INVALID, complaint)
    elif content:
        return SubmissionRefusal(codes.INVALID, "`content` is for the action `accept` alone")
    accepted = session.accept(submission)
    _close(session, question, submission.action)
    session.add_effect(AnswerCall(question.question_id, submission.action, content))
    return accepted


def content_fault(question: Question, content: dict[str, Any]) -> str | None:
    """What is wrong with the values of a question's fields; None if nothing is."""
    fields = {field.name: field for field in question.fields}
    for name, value in content.items():
        if name not in fields:
            return f"the question has no field {name!r}"
        if not _fits(fields[name], value):
            return f"`{name}` does not fit: it is a field of the kind `{fields[name].kind}`"
    missing = [field.name for field in question.fields if field.required and field.name not in content]
    return f"`{missing[0]}` is required" if missing else None


def _fits(field: QuestionField, value: object) -> bool:
    values = {option.value for option in field.options}
    match field.kind:
        case "text":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "choice":
            return isinstance(value, str) and value in values
        case "choices":
            return isinstance(value, list) and len(set(value)) == len(value) and values.issuperset(value)


def _find(session: Session, question_id: str) -> Question | None:
    return next((one for one in session.state.view.questions if one.question_id == question_id), None)


def _close(session: Session, question: Question, action: str) -> None:
    session.emit(
        ev.QuestionClosed,
        question_id=question.question_id,
        tool_call_id=question.tool_call_id,
        action=action,
        share_id=session.guest,
    )
