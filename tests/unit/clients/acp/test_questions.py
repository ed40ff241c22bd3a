"""Questions of running calls: asked of a client that can show them, answered and withdrawn."""

from typing import Any

import msgspec

from clients.acp.dialects.v1 import V1, Offers
from clients.acp.dialects.v2 import V2
from clients.acp.rpc import Response
from protocol import events as ev
from protocol import submissions as sub
from protocol.content import Question, QuestionField, QuestionOption
from tests.unit.clients.acp.script import Script

FIELDS = [
    QuestionField("name", "text", "Name", "Yours", True, default="nobody"),
    QuestionField("age", "integer"),
    QuestionField("colour", "choice", options=[QuestionOption("r", "Red")]),
    QuestionField("days", "choices", options=[QuestionOption("mo", "Monday")]),
]
FORM = Question("q1", "c1", "the agent", "form", "Which?", FIELDS)
LINK = Question("q2", "c1", "shop", "link", "Pay here", [], "https://shop.example/pay")


def asked(dialect: V1, *questions: Question) -> Script:
    script = Script(dialect).opened()
    script.event(ev.ToolCallEvent, tool_call_id="c1", tool="ask_user", arguments={})
    for one in questions:
        script.event(ev.AskUser, question=one)
    return script


def elicitations(script: Script) -> list[dict[str, Any]]:
    return [one["params"] for one in script.messages if one.get("method") == "elicitation/create"]


def test_a_form_and_a_link_are_asked_in_both_versions() -> None:
    for dialect in (V1(Offers(forms=True, links=True)), V2(Offers(forms=True, links=True))):
        form, link = elicitations(asked(dialect, FORM, LINK))
        assert form["requestedSchema"] == {
            "type": "object",
            "properties": {
                "name": {"type": "string", "title": "Name", "description": "Yours", "default": "nobody"},
                "age": {"type": "integer"},
                "colour": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}]},
                "days": {"type": "array", "items": {"anyOf": [{"const": "mo", "title": "Monday"}]}},
            },
            "required": ["name"],
        }
        assert (link["mode"], link["url"]) == ("url", "https://shop.example/pay")


def test_a_client_that_shows_no_forms_is_told_where_the_question_is() -> None:
    script = asked(V1(Offers()), FORM)
    assert elicitations(script) == []
    assert "the agent asks: Which?" in script.updates[-1]["content"][0]["content"]["text"]


def test_a_session_that_asks_waits_for_its_user_until_it_is_answered() -> None:
    def states(script: Script) -> list[str]:
        return [one["state"] for one in script.updates if one["sessionUpdate"] == "state_update"]

    script = asked(V2(Offers()), FORM, LINK)
    assert states(script)[-1] == "requires_action"
    late = Script(V2(Offers()))
    late.mapping.view = msgspec.structs.replace(script.view, state="running")
    assert states(late.opened("resume"))[-1] == "requires_action"
    script.event(ev.QuestionClosed, question_id="q1", tool_call_id="c1", action="accept")
    assert states(script)[-1] == "requires_action"
    script.event(ev.QuestionClosed, question_id="q2", tool_call_id="c1", action="accept")
    assert states(script)[-1] == "running"


def test_answers_are_submitted_and_a_late_one_is_not() -> None:
    script = asked(V1(Offers(forms=True, links=True)), FORM, LINK)
    script.keep(script.mapping.answered(Response(1, {"action": "accept", "content": {"name": "Ann"}})))
    assert script.submissions == [
        sub.AnswerQuestion(id="s1", question_id="q1", action="accept", content={"name": "Ann"})
    ]
    out = script.event(ev.QuestionClosed, question_id="q2", tool_call_id="c1", action="withdrawn")
    assert out == [{"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": 2}}]
    assert script.keep(script.mapping.answered(Response(2, {"action": "decline"}))) == []


def test_questions_of_a_call_that_ends_are_withdrawn() -> None:
    script = asked(V1(Offers(forms=True)), FORM)
    out = script.event(ev.ToolStateChange, tool_call_id="c1", tool="ask_user", state="cancelled", by="user")
    assert {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": 1}} in out
