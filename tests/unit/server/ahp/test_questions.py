"""Questions: what a client keeps here of its answers is bounded by what is asked."""

from protocol.content import Question, QuestionField
from server.ahp.questions import keep_draft, request_of
from server.ahp.rpc import Message


def changed(question: str, field: str, answer: str) -> Message:
    return {"type": "chat/inputAnswerChanged", "requestId": question, "questionId": field, "answer": answer}


def test_drafts_are_kept_of_fields_that_are_asked_for_while_they_are() -> None:
    question = Question("q", "c", "tool", "form", "Which?", fields=[QuestionField("colour", "text")])
    needed: dict[str, Message] = {"q": {"request": request_of(question)}, "c2": {"toolCall": {}}}
    drafts: dict[str, Message] = {}
    for one in (
        changed("q", "colour", "red"),
        changed("q", "colour", "blue"),
        changed("q", "x", "y"),
        changed("c2", "a", "b"),
    ):
        keep_draft(drafts, needed, one)
    assert drafts == {"q": {"colour": "blue"}}
    keep_draft(drafts, {}, changed("q", "colour", "red"))
    assert drafts == {}
