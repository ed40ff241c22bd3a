"""Ask tool: the user's answer reaches the model as JSON; a refusal, silence and nobody to ask are told in words."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from agent.tools.ask_user import AskUser, AskUserTool
from agent.tools.base import CALL_ASKER, PreparedCall, QuestionKind, ToolResult, UserAnswer
from protocol.content import QuestionField


class Asker:
    """Answers each question with `answer`; without one it is silent."""

    def __init__(self, answer: UserAnswer | None) -> None:
        self.answer = answer
        self.fields: list[QuestionField] = []

    async def ask_user(
        self, asker: str, kind: QuestionKind, message: str, fields: Sequence[QuestionField] = (), url: str = ""
    ) -> UserAnswer:
        self.fields = list(fields)
        if self.answer is None:
            await asyncio.Event().wait()
        assert self.answer is not None and (asker, kind, message) == ("the agent", "form", "Which?")
        return self.answer

    async def ask_model(self, messages: list[dict[str, object]], max_output_tokens: int) -> tuple[str, str, str]:
        raise NotImplementedError


async def ignore(text: str) -> None:
    """No log is kept."""


async def ask(asker: Asker | None, timeout_s: float = 60.0, **arguments: Any) -> ToolResult:
    tool = AskUserTool(timeout_s)
    prepared = tool.prepare({"question": "Which?", **arguments})
    assert isinstance(prepared, PreparedCall)
    assert isinstance(prepared.arguments, AskUser)
    token = CALL_ASKER.set(asker)
    try:
        return await tool.execute(prepared.arguments, ignore)
    finally:
        CALL_ASKER.reset(token)


async def test_the_answer_is_the_fields_values_as_json() -> None:
    asker = Asker(UserAnswer("accept", {"color": "red", "n": 2}))
    fields = [{"name": "color", "kind": "choice", "options": ["red", "blue"]}, {"name": "n", "kind": "integer"}]
    assert (await ask(asker, fields=fields)) == ToolResult(output='{"color":"red","n":2}', success=True)
    assert [option.value for option in asker.fields[0].options] == ["red", "blue"]
    await ask(asker)
    assert [(field.name, field.kind, field.required) for field in asker.fields] == [("answer", "text", True)]


async def test_no_answer_is_told_in_words() -> None:
    assert "declined" in (await ask(Asker(UserAnswer("decline")))).output
    assert "closed" in (await ask(Asker(UserAnswer("cancel")))).output
    assert "did not answer" in (await ask(Asker(None), timeout_s=0.01)).output
    assert "nobody" in (await ask(None)).output


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ([{"name": "a"}, {"name": "a"}], "different names"),
        ([{"name": "a", "kind": "choice"}], "at least one option"),
        ([{"name": "a", "kind": "choices", "options": ["x", "x"]}], "differ"),
        ([{"name": "a b"}], "regex"),
        ([{"name": f"f{n}"} for n in range(13)], "length"),
    ],
)
def test_a_form_that_cannot_be_shown_is_refused(fields: list[dict[str, Any]], why: str) -> None:
    complaint = AskUserTool(60.0).prepare({"question": "Which?", "fields": fields})
    assert isinstance(complaint, str) and why in complaint
