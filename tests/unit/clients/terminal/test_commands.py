"""Commands: how typed lines are understood."""

import pytest

from clients.terminal.commands import (
    AskEdit,
    Help,
    InvalidLine,
    ListOffers,
    Quit,
    ReadResource,
    UsePrompt,
    question,
    read_answer,
    read_edit,
    read_line,
    read_question,
)
from protocol.content import PendingTool, Question, QuestionField
from protocol.submissions import (
    AnswerQuestion,
    Approval,
    Compact,
    Interrupt,
    Restore,
    RevokeGrant,
    SetModel,
    Undo,
    UserInput,
)

PENDING = PendingTool(tool_call_id="c1", tool="write", arguments={"path": "a"}, reason="writes a file")


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello there ", UserInput(text="hello there")),
        ("//etc is a folder", UserInput(text="/etc is a folder")),
        ("/steer look there first", UserInput(text="look there first", when="steer")),
        ("/interrupt", Interrupt()),
        ("/undo", Undo()),
        ("/restore turn-2", Restore(snapshot_id="turn-2")),
        ("/restore", InvalidLine("/restore which? /undo names the snapshot.")),
        ("/compact", Compact()),
        ("/model  openai/x ", SetModel(model="openai/x")),
        ("/help", Help()),
        ("/quit", Quit()),
        ("", None),
        ("   ", None),
        ("/", InvalidLine("there is no command /; /help lists what there is")),
        ("/fly", UsePrompt("fly")),
        ("/poem about=owls ", UsePrompt("poem about=owls")),
        ("/prompts", ListOffers()),
        ("/resource test://a b=c", ReadResource("test://a b=c")),
        ("/resource", InvalidLine("/resource which? /prompts lists them.")),
        ("/model", InvalidLine("/model which? Write its name after it.")),
        ("/steer ", InvalidLine("/steer what? Write the text after it.")),
    ],
)
def test_a_typed_line_is_parsed_as_the_help_describes(line: str, meaning: object) -> None:
    assert read_line(line) == meaning


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("y", Approval(tool_call_id="c1", approved=True)),
        (" YES ", Approval(tool_call_id="c1", approved=True)),
        ("n", Approval(tool_call_id="c1", approved=False)),
        ("e", AskEdit()),
        ("", None),
        ("not there, please", Approval(tool_call_id="c1", approved=False, feedback="not there, please")),
    ],
)
def test_a_line_answers_a_question(line: str, answer: object) -> None:
    assert read_answer(line, PENDING) == answer


def test_a_call_that_may_be_allowed_for_the_session_can_be_answered_so() -> None:
    granted = PendingTool(tool_call_id="c1", tool="write", arguments={}, reason="writes a file", grant="write")
    for_session = Approval(tool_call_id="c1", approved=True, scope="session")
    assert [read_answer(line, granted) for line in ("s", "Session ")] == [for_session, for_session]
    assert "[s]ession" in question(granted)


def test_a_call_without_a_grant_cannot_be_allowed_for_the_session() -> None:
    answer = read_answer("s", PENDING)
    assert answer == Approval(tool_call_id="c1", approved=False, feedback="s")
    assert "[s]ession" not in question(PENDING)


def test_only_a_clear_yes_approves() -> None:
    for line in ("yes, but not there", "yep", "j", "ok", "y!"):
        answer = read_answer(line, PENDING)
        assert isinstance(answer, Approval)
        assert not answer.approved


def test_edited_arguments_are_a_json_object() -> None:
    assert read_edit('{"path": "b"}', PENDING) == Approval(tool_call_id="c1", approved=True, arguments={"path": "b"})
    assert read_edit("  ", PENDING) is None
    for line in ("[1]", "{", "path: b", "[" * 10_000):
        assert isinstance(read_edit(line, PENDING), InvalidLine)


def test_a_grant_is_revoked_by_its_name() -> None:
    assert read_line("/revoke web_fetch:example.com") == RevokeGrant(grant="web_fetch:example.com")
    assert isinstance(read_line("/revoke"), InvalidLine)


def form(*fields: QuestionField) -> Question:
    return Question("q1", "c1", "shop", "form", "Which?", list(fields))


def test_a_question_with_one_field_is_answered_by_its_value_and_others_by_an_object() -> None:
    color, count = QuestionField("color", "text"), QuestionField("count", "integer")
    red: dict[str, str | float | int | bool | list[str]] = {"color": "red"}
    assert read_question("red", form(color)) == AnswerQuestion(question_id="q1", action="accept", content=red)
    assert read_question("3", form(count)) == AnswerQuestion(question_id="q1", action="accept", content={"count": 3})
    both = AnswerQuestion(question_id="q1", action="accept", content={"color": "red", "count": 3})
    assert read_question('{"color": "red", "count": 3}', form(color, count)) == both
    assert isinstance(read_question("red", form(color, count)), InvalidLine)
    assert isinstance(read_question('{"color": {}}', form(color, count)), InvalidLine)
    assert read_question("", form(color)) is None


def test_a_question_is_declined_by_a_word() -> None:
    declined = AnswerQuestion(question_id="q1", action="decline")
    assert read_question("/decline", form(QuestionField("color", "text"))) == declined
    assert read_question("n", form()) == declined
    assert read_question("y", form()) == AnswerQuestion(question_id="q1", action="accept")
    assert isinstance(read_question("perhaps", form()), InvalidLine)
