"""Questions: what running calls ask of the user, as elicitations of the client, and what its answers mean. Pure.

They are withdrawn as permissions are. A client that can show no form, or no link, is told where the question can be answered.
"""

from collections.abc import Callable, Sequence

from clients.acp.dialects.v1 import V1, call_update, texts
from clients.acp.rpc import Message, RequestId, Response, notification, request
from protocol.content import Question, QuestionField
from protocol.submissions import AnswerQuestion

TYPES = {"text": "string", "number": "number", "integer": "integer", "boolean": "boolean"}


class Questions:
    """The questions of one session. `next_id` gives an id that no other request of this process has."""

    def __init__(self, dialect: V1, next_id: Callable[[], int]) -> None:
        self._dialect = dialect
        self._next_id = next_id
        self._asked: dict[str, int | None] = {}  # by question; None: answered here, or told
        self._questions: dict[RequestId, str] = {}

    def ask(self, session_id: str, questions: Sequence[Question]) -> list[Message]:
        """Requests for those about which the client was not asked; updates where it cannot be asked."""
        messages: list[Message] = []
        for one in questions:
            if one.question_id in self._asked:
                continue
            params = self._request(session_id, one)
            if params is None:
                self._asked[one.question_id] = None
                told = f"{one.asker} asks: {one.message}\nIt can be answered on the page and in the terminal."
                update = call_update(one.tool_call_id, content=texts(told))
                messages.append(notification("session/update", {"sessionId": session_id, "update": update}))
                continue
            number = self._next_id()
            self._asked[one.question_id] = number
            self._questions[number] = one.question_id
            messages.append(request(number, "elicitation/create", params))
        return messages

    def keep(self, questions: Sequence[Question]) -> list[Message]:
        """Withdraw all but these."""
        waiting = {one.question_id for one in questions}
        messages: list[Message] = []
        for question_id in [one for one in self._asked if one not in waiting]:
            number = self._asked.pop(question_id)
            if number is not None:
                del self._questions[number]
                messages.append(notification("$/cancel_request", {"requestId": number}))
        return messages

    def answered(self, response: Response, new_id: str) -> AnswerQuestion | None:
        """The submission that the client's answer is; None: it is of no question, or says nothing, and the question stays."""
        question_id = self._questions.pop(response.id, None)
        if question_id is None:
            return None
        self._asked[question_id] = None
        answer = response.result or {}
        content = answer.get("content")
        match answer.get("action"):
            case "accept":
                given = content if isinstance(content, dict) else {}
                return AnswerQuestion(id=new_id, question_id=question_id, action="accept", content=given)
            case "decline":
                return AnswerQuestion(id=new_id, question_id=question_id, action="decline")
            case "cancel":
                return AnswerQuestion(id=new_id, question_id=question_id, action="cancel")
        return None

    def _request(self, session_id: str, question: Question) -> Message | None:
        scope = {"sessionId": session_id, "toolCallId": question.tool_call_id}
        message = f"{question.asker}: {question.message}"
        if question.kind == "link":
            if not self._dialect.offers.links or not isinstance(question.url, str):
                return None
            link = {"mode": "url", "elicitationId": question.question_id, "url": question.url}
            return {**scope, **link, "message": message}
        if not self._dialect.offers.forms:
            return None
        schema: Message = {"type": "object", "properties": {one.name: _schema(one) for one in question.fields}}
        required = [one.name for one in question.fields if one.required]
        if required:
            schema["required"] = required
        return {**scope, "mode": "form", "message": message, "requestedSchema": schema}


def _schema(field: QuestionField) -> Message:
    choices = [{"const": one.value, "title": one.label} for one in field.options]
    match field.kind:
        case "choice":
            schema: Message = {"type": "string", "oneOf": choices}
        case "choices":
            schema = {"type": "array", "items": {"anyOf": choices}}
        case kind:
            schema = {"type": TYPES[kind]}
    if field.label:
        schema["title"] = field.label
    if field.help:
        schema["description"] = field.help
    if isinstance(field.default, str | float | int | bool | list):
        schema["default"] = field.default
    return schema
