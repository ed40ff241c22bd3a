"""The scripted server's message check: it accepts what a strict provider accepts."""

from collections.abc import Mapping

import pytest

from tests.support.models.strict_messages import complaint

Message = Mapping[str, object]


def user(text: str = "hi") -> Message:
    return {"role": "user", "content": text}


def assistant(text: str = "ok") -> Message:
    return {"role": "assistant", "content": text}


def calling(*ids: str, arguments: str = "{}", content: str | None = None) -> Message:
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": arguments}} for one in ids]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def result(of: str) -> Message:
    return {"role": "tool", "tool_call_id": of, "content": "done"}


SYSTEM: Message = {"role": "system", "content": "be kind"}

VALID: list[list[Message]] = [
    [user()],
    [SYSTEM, user()],
    [SYSTEM, user(), assistant(), user()],
    [user(), calling("a", "b"), result("a"), result("b")],
    [user(), calling("a"), result("a"), calling("b"), result("b"), user()],
]

INVALID: list[tuple[list[Message], str]] = [
    ([], "non-empty"),
    ([{"role": "robot", "content": "x"}], "role"),
    ([user(), assistant()], "last message"),
    ([assistant(), user()], "first message"),
    ([SYSTEM, assistant(), user()], "first message"),
    ([user(), SYSTEM], "not the first"),
    ([user(), user()], "two user"),
    ([user(), assistant(), assistant(), user()], "two assistant"),
    ([user(), assistant(""), user()], "empty assistant"),
    ([user("")], "empty user"),
    ([user(), calling("a"), user()], "no result"),
    ([user(), calling("a")], "no result"),
    ([user(), calling("a", "b"), result("b"), result("a")], "expected the result of 'a'"),
    ([user(), result("a")], "answers no tool call"),
    ([user(), calling("a"), result("a"), result("a")], "answers no tool call"),
    ([user(), calling("a"), result("a"), calling("a"), result("a")], "used before"),
    ([user(), calling(""), result("")], "non-empty string"),
    ([user(), calling("a", arguments="{"), result("a")], "not JSON"),
    ([user(), calling("a", arguments="[]"), result("a")], "not a JSON object"),
    ([user("\ud800")], "surrogate"),
]


@pytest.mark.parametrize("messages", VALID)
def test_a_valid_conversation_passes(messages: list[Message]) -> None:
    assert complaint(messages) is None


@pytest.mark.parametrize(("messages", "why"), INVALID)
def test_an_invalid_conversation_is_named(messages: list[Message], why: str) -> None:
    assert why in (complaint(messages) or "")


def test_tools_need_names_of_their_own() -> None:
    good = {"type": "function", "function": {"name": "f"}}
    assert complaint([user()], [good]) is None
    assert complaint([user()], [good, good]) is not None
    assert complaint([user()], [{"type": "function", "function": {"name": "a b"}}]) is not None
    assert complaint([user()], []) is not None
