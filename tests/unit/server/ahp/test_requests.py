"""Requests: an action that makes no sense is refused with words, and never a fault."""

from typing import Any

import pytest

from protocol.content import PendingTool
from protocol.events import ApprovalRequired, Processing, ToolCallEvent
from protocol.submissions import AnswerQuestion
from server.ahp.addresses import folder_path, session_of_chat
from server.ahp.conversation import Conversation
from server.ahp.requests import submissions_of
from server.ahp.rpc import RpcError

AT = "2026-01-01T00:00:00.000Z"


def message(**attachment: Any) -> dict[str, Any]:
    return {"type": "chat/turnStarted", "turnId": "t", "message": {"text": "x", "attachments": [attachment]}}


def answer(value: Any) -> dict[str, Any]:
    answers = {"a": {"value": value}}
    return {"type": "chat/inputCompleted", "requestId": "q", "response": "accept", "answers": answers}


def approval(edited: str) -> dict[str, Any]:
    return {"type": "chat/toolCallConfirmed", "toolCallId": "c", "approved": True, "editedToolInput": edited}


def waiting() -> Conversation:
    """A conversation in which a call waits for approval."""
    talk = Conversation("chat")
    talk.take(Processing(seq=1, at=AT, turn_id="t", submission_id="i"))
    talk.take(ToolCallEvent(seq=2, at=AT, tool_call_id="c", tool="write", arguments={}))
    pending = PendingTool(tool_call_id="c", tool="write", arguments={}, reason="asks")
    talk.take(ApprovalRequired(seq=3, at=AT, tools=[pending], count=1))
    return talk


@pytest.mark.parametrize(
    "action",
    [
        message(label="a", contentType="text/plain", data="\u00e9"),
        message(label="a", contentType="text/plain", data="a"),
        approval('{"n": %s}' % ("9" * 30)),
        approval('{"n": %s}' % ("[" * 100 + "]" * 100)),
        approval("[" * 5_000),
    ],
)
def test_what_the_session_cannot_store_is_refused(action: dict[str, Any]) -> None:
    with pytest.raises(RpcError):
        submissions_of(action, waiting(), {})


@pytest.mark.parametrize("freeform", [5, {"a": 1}, [5], None])
def test_an_answers_words_that_are_none_are_passed_over(freeform: Any) -> None:
    for kind, value, taken in (("text", "", ""), ("selected-many", ["b"], ["b"])):
        given = answer({"kind": kind, "value": value, "freeformValues": freeform})
        (submission,) = submissions_of(given, waiting(), {})
        assert isinstance(submission, AnswerQuestion)
        assert submission.content == {"a": taken}


@pytest.mark.parametrize("uri", ["file://[x/", "ahp-chat://default/\u00e9", "ahp-chat://default/a"])
def test_an_address_that_is_none_leads_nowhere(uri: str) -> None:
    assert folder_path(uri) is None
    assert session_of_chat(uri) is None
