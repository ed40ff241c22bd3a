"""AG-UI requests: what a client's history and answers ask of its session."""

import re
from base64 import b64decode, b64encode
from typing import Any

import msgspec
import pytest

from protocol.submissions import AnswerQuestion, Approval, ExecApproval, Interrupt, UserInput
from server.http.compatible.ag_ui_interrupts import BadRun
from server.http.compatible.ag_ui_request import RunAgentInput, Wanted, wanted
from server.http.compatible.messages import LEFT_OUT, Said, first_input, said_by_user, with_context
from tests.support.models.images import png

USER = {"id": "m1", "role": "user", "content": "hello"}
PNG = b64encode(png()).decode()
ASSISTANT = {"id": "a1", "role": "assistant", "content": "Hi.", "toolCalls": []}


def asked(*messages: dict[str, Any], **more: Any) -> Wanted:
    run = {"threadId": "t", "runId": "r", "messages": messages, "tools": [], "state": {}, **more}
    return wanted(msgspec.json.decode(msgspec.json.encode(run), type=RunAgentInput))


def test_the_last_message_of_the_user_is_said_under_its_own_id() -> None:
    what = asked(USER, ASSISTANT, {"id": "m2", "role": "user", "content": [{"type": "text", "text": "and?"}]})
    assert what.say == UserInput(id="m2", text="and?")
    assert what.earlier == [Said("user", "hello"), Said("assistant", "Hi.")]


def test_what_comes_behind_the_users_message_is_the_clients_part_of_the_answer() -> None:
    assert asked(USER, ASSISTANT).say == UserInput(id="m1", text="hello")


def test_an_id_that_is_too_long_for_the_wire_becomes_another_one_always_the_same() -> None:
    ids = {str(asked({**USER, "id": "x" * 200}).say.id) for _ in range(2)}  # type: ignore[union-attr]
    assert len(ids) == 1 and len(ids.pop()) == 32


def test_a_client_without_messages_says_nothing() -> None:
    assert asked() == Wanted()


def test_answers_to_interrupts_become_submissions_and_say_where_the_run_goes_on() -> None:
    entries = [
        {"interruptId": "9:call:c1", "status": "resolved", "payload": {"approved": True, "arguments": {"a": 1}}},
        {"interruptId": "7:call:c:2", "status": "cancelled"},
        {"interruptId": "9:question:q", "status": "resolved", "payload": {"action": "accept", "content": {"n": 1}}},
    ]
    what = asked(USER, ASSISTANT, resume=entries)
    question, answers = what.submissions
    assert isinstance(question, AnswerQuestion) and question.content == {"n": 1}
    assert isinstance(answers, ExecApproval)
    assert answers.approvals == [Approval("c1", True, arguments={"a": 1}), Approval("c:2", False)]
    assert (what.after, set(what.answered)) == (7, {"c1", "c:2", "q"})
    assert asked(USER, ASSISTANT, resume=entries).submissions == what.submissions, "sent again they are the same"


def test_a_new_message_in_place_of_answers_abandons_the_calls() -> None:
    cancelled = [{"interruptId": "9:call:c1", "status": "cancelled"}]
    what = asked(USER, ASSISTANT, {"id": "m2", "role": "user", "content": "leave it"}, resume=cancelled)
    assert (what.say, what.submissions, what.after) == (UserInput(id="m2", text="leave it"), (), 9)


def test_a_client_can_stop_the_turn() -> None:
    [stop] = asked(USER, forwardedProps={"holdfast": "interrupt"}).submissions
    assert isinstance(stop, Interrupt)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"resume": [{"interruptId": "x", "status": "resolved"}]}, "'x' is no interrupt of this server"),
        ({"tools": [{"name": "show", "description": ""}]}, "`tools` of the client are not taken"),
        ({"resume": [{"interruptId": "1:call:c", "status": "resolved"}]}, "payload for the interrupt '1:call:c'"),
    ],
)
def test_what_makes_no_sense_is_said_in_words(more: dict[str, Any], why: str) -> None:
    with pytest.raises(BadRun, match=why):
        asked(USER, ASSISTANT, **more)


def part(value: str, kind: str = "image", source: str = "data") -> dict[str, Any]:
    return {"type": kind, "source": {"type": source, "value": value, "mimeType": "image/png"}}


def test_each_image_becomes_a_file_of_its_own_with_the_same_name_whenever_it_is_sent_again() -> None:
    said = [{"type": "text", "text": "what is this?"}, part(PNG), part(PNG)]
    what = asked({**USER, "content": said}, state={"page": 1}, context=[{"description": "Where", "value": "a shop"}])
    assert what.say is not None and what.say.text == "what is this?"
    one, two = what.images
    assert one.data == two.data == b64decode(PNG) and re.fullmatch(r"uploads/[0-9a-f]{32}\.png", one.path)
    assert [image.path for image in what.say.images] == [one.path, two.path] and one.path != two.path
    assert asked({**USER, "content": said}).images == what.images
    assert {one.path, two.path}.isdisjoint(image.path for image in asked({**USER, "id": "m9", "content": said}).images)
    assert what.context == 'Where: a shop\n\nState of the application: {"page":1}'
    later = asked({**USER, "content": said}, {"id": "m2", "role": "user", "content": "and?"})
    assert later.earlier == [Said("user", "what is this?\n\n[image]\n\n[image]")], "the session has it"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ([part("https://a.example/x.png", source="url")], "the server fetches no address"),
        ([part("!")], "not base64"),
        ([part("aGVsbG8=")], "no PNG, JPEG or WebP"),
        ([part(PNG)] * 9, "8 images"),
        ([part(PNG, "document")], "the type 'document'; text and images are taken"),
    ],
)
def test_what_a_message_may_not_hold_is_said_in_words(more: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(BadRun, match=why):
        asked({**USER, "content": [{"type": "text", "text": "see"}, *more]})


def test_what_the_application_tells_stands_behind_the_users_words_and_is_taken_off_again() -> None:
    told = with_context(first_input([Said("user", "A?")], "C?", 1_000), "x" * 30_000)
    assert len(told) < 20_500 and "the rest is left out" in told
    assert said_by_user(told) == "C?"
    assert said_by_user(with_context("C?", "Where: here")) == "C?"
    assert said_by_user("The user's message:\n\nA") == "The user's message:\n\nA"


def test_a_new_session_is_told_what_was_said_elsewhere() -> None:
    earlier = [Said("system", "Be kind."), Said("user", "A?"), Said("assistant", "B."), Said("activity", "")]
    assert first_input(earlier, "C?", 1_000) == (
        "Instructions of the application:\n\nBe kind.\n\nThis conversation began elsewhere. So far:\n\n"
        "User:\nA?\n\nAssistant:\nB.\n\nThe user's message:\n\nC?"
    )
    assert first_input([], "C?", 1_000) == "C?"
    long = first_input([Said("user", "x" * 900), Said("assistant", "B.")], "C?", 1_000)
    assert LEFT_OUT in long and "xxx" not in long and "B." in long
