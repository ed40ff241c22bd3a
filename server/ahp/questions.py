"""Questions: what a running call asks of the user, as an input request of the protocol, and what its answer means. Pure."""

from collections.abc import Mapping
from typing import Any

from protocol.content import Question, QuestionField
from protocol.submissions import AnswerQuestion
from server.ahp.rpc import INVALID_PARAMS, Message, RpcError

KINDS = {"choice": "single-select", "choices": "multi-select"}


def request_of(question: Question) -> Message:
    """The request."""
    request: Message = {"id": question.question_id, "message": f"{question.asker}: {question.message}"}
    if isinstance(question.url, str):
        request["url"] = question.url
    if question.fields:
        request["questions"] = [_field(field) for field in question.fields]
    return request


def _field(field: QuestionField) -> Message:
    asked: Message = {"id": field.name, "message": field.help or field.label or field.name}
    asked |= {"title": field.label or field.name, "kind": KINDS.get(field.kind, field.kind), "required": field.required}
    if field.options:
        asked["options"] = [{"id": option.value, "label": option.label} for option in field.options]
    elif isinstance(field.default, str | int | float):
        asked["defaultValue"] = field.default
    return asked


def answer_of(action: Message, drafts: Message) -> AnswerQuestion:
    """The submission for `chat/inputCompleted`. `drafts`: the answers that the client sent before. Raises `RpcError`."""
    response = action.get("response")
    if response not in ("accept", "decline", "cancel"):
        raise RpcError(INVALID_PARAMS, "`response` must be accept, decline or cancel")
    given = action.get("answers")
    answers = drafts | (given if isinstance(given, dict) else {})
    content = {name: value for name, one in answers.items() if (value := _value(one)) is not None}
    return AnswerQuestion(
        question_id=str(action.get("requestId", "")),
        action=response,
        content=content if response == "accept" else {},
    )


def keep_draft(drafts: dict[str, Message], needed: Mapping[str, Message], action: Message) -> None:
    """Keep the answer in `chat/inputAnswerChanged`, if a question that waits has that field; those of other questions go.

    `drafts`: the answers by the question. `needed`: what waits, as the session's state has it.
    """
    for gone in drafts.keys() - needed.keys():
        del drafts[gone]
    request_id, field = str(action.get("requestId")), action.get("questionId")
    asked = needed.get(request_id, {}).get("request", {}).get("questions", ())
    if any(one["id"] == field for one in asked):
        drafts.setdefault(request_id, {})[str(field)] = action.get("answer")


def _value(answer: Any) -> Any:
    """The value in an answer; None: it has none."""
    value = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(value, dict):
        return None
    given = value.get("freeformValues")
    freeform = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
    match value.get("kind"), value.get("value"):
        case ("text" | "selected", str(text)):
            return text or next(iter(freeform), "")
        case ("number" | "boolean", int() | float() as number):
            return number
        case ("selected-many", list(chosen)):
            return [*(one for one in chosen if isinstance(one, str)), *freeform]
    return None
