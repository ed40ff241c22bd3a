"""Questions of MCP servers: they reach who the call is for, and everything else is declined."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.models import ModelError
from agent.tools.base import CALL_ASKER, QuestionKind, UserAnswer
from agent.tools.mcp.questions import FIELDS_MAX, fields_of
from agent.util.tasks import TaskOwner
from protocol.content import QuestionField, QuestionOption
from tests.support.polling import eventually
from tests.unit.agent.tools.mcp.servers import HttpServer, entry, running_servers, scripted

FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "description": "Yours.", "default": "Ann"},
        "color": {"type": "string", "enum": ["r", "b"], "enumNames": ["Red", "Blue"]},
        "size": {"type": "string", "oneOf": [{"const": "s", "title": "Small"}]},
        "extras": {"type": "array", "items": {"anyOf": [{"const": "x", "title": "X"}]}},
        "count": {"type": "integer"},
        "sure": {"type": "boolean"},
    },
    "required": ["name"],
}


class FakeAsker:
    """Answers each question with `answer`, and keeps what was asked. With no answer it waits."""

    def __init__(self, answer: UserAnswer | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, str, list[QuestionField], str]] = []
        self.prompts: list[tuple[list[dict[str, object]], int]] = []
        self.withdrawn = 0

    async def ask_user(
        self, asker: str, kind: QuestionKind, message: str, fields: Sequence[QuestionField] = (), url: str = ""
    ) -> UserAnswer:
        self.asked.append((asker, kind, message, list(fields), url))
        if self.answer is not None:
            return self.answer
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise
        raise AssertionError

    async def ask_model(self, messages: list[dict[str, object]], max_output_tokens: int) -> tuple[str, str, str]:
        self.prompts.append((messages, max_output_tokens))
        if messages[-1]["content"] == "fail":
            raise ModelError("model_unavailable", "it is away")
        return "an owl", "stop", "test/model"


@pytest.fixture
def accepting() -> Iterator[FakeAsker]:
    """An asker whose user accepts everything."""
    asker = FakeAsker(UserAnswer("accept", {"name": "Bob"}))
    token = CALL_ASKER.set(asker)
    yield asker
    CALL_ASKER.reset(token)


def asking(folder: Path, *asks: tuple[str, Any]) -> Any:
    """A server whose tool `work` sends these requests, the result of the last being its own."""
    lines = [{"ask": method, "params": params} for method, params in asks]
    return scripted(folder, [{"name": "work"}], {"work": lines})


def test_the_fields_of_a_form_are_those_of_its_schema() -> None:
    assert fields_of(FORM) == [
        QuestionField("name", "text", "Name", "Yours.", True, [], "Ann"),
        QuestionField("color", "choice", options=[QuestionOption("r", "Red"), QuestionOption("b", "Blue")]),
        QuestionField("size", "choice", options=[QuestionOption("s", "Small")]),
        QuestionField("extras", "choices", options=[QuestionOption("x", "X")]),
        QuestionField("count", "integer"),
        QuestionField("sure", "boolean"),
    ]
    assert fields_of({}) == []


@pytest.mark.parametrize(
    "field",
    [
        {"type": "object"},
        {"type": "array", "items": {"type": "string"}},
        3,
        {"type": "integer", "enum": [1]},
        {"type": []},
    ],
)
def test_a_form_with_a_field_that_cannot_be_shown_is_none(field: Any) -> None:
    assert fields_of({"properties": {"a": {"type": "string"}, "b": field}}) is None
    assert fields_of({"properties": {str(number): {} for number in range(FIELDS_MAX + 1)}}) is None


async def test_the_user_is_asked_and_the_answer_goes_to_the_server(tmp_path: Path, accepting: FakeAsker) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    server = asking(tmp_path, ("elicitation/create", {"message": "Who?", "requestedSchema": schema}))
    async with running_servers(tmp_path, {"odd": server}) as running:
        result = await (await running.session()).run("work")
    assert result.output == 'got {"action": "accept", "content": {"name": "Bob"}}'
    assert accepting.asked == [("odd", "form", "Who?", [QuestionField("name", "text")], "")]


async def test_a_page_is_opened_by_the_user_and_only_one_of_the_web(tmp_path: Path, accepting: FakeAsker) -> None:
    for url, action in (("https://example.com/pay", "accept"), ("javascript:alert(1)", "decline")):
        params = {"mode": "url", "message": "Pay.", "url": url, "elicitationId": "1"}
        async with running_servers(tmp_path, {"odd": asking(tmp_path, ("elicitation/create", params))}) as running:
            assert (await (await running.session()).run("work")).output == f'got {{"action": "{action}"}}'
    assert [asked[1:3] + asked[4:] for asked in accepting.asked] == [("link", "Pay.", "https://example.com/pay")]


def prompt(text: str, **fields: Any) -> dict[str, Any]:
    message = {"role": "user", "content": {"type": "text", "text": text}}
    return {"messages": [message], "maxTokens": 100_000, "systemPrompt": "Be brief.", **fields}


async def test_the_model_answers_what_the_user_saw_and_allowed(tmp_path: Path, accepting: FakeAsker) -> None:
    server = asking(tmp_path, ("sampling/createMessage", prompt("Name a bird.")))
    async with running_servers(tmp_path, {"odd": server}) as running:
        result = await (await running.session()).run("work")
    assert '"text": "an owl"' in result.output and '"model": "test/model"' in result.output
    assert accepting.asked == [("odd", "model", "system: Be brief.\n\nuser: Name a bird.", [], "")]
    (asked, most), *_ = accepting.prompts
    assert (
        asked == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a bird."}]
        and most == 4_096
    )


async def test_a_prompt_that_is_refused_fails_or_is_not_text_gets_the_error_of_the_protocol(
    tmp_path: Path, accepting: FakeAsker
) -> None:
    image = {
        "messages": [{"role": "user", "content": {"type": "image", "data": "", "mimeType": "a/b"}}],
        "maxTokens": 1,
    }
    for params, why in ((prompt("fail"), "it is away"), (image, "Only text"), (prompt("x" * 30_000), "20000")):
        server = asking(tmp_path, ("sampling/createMessage", params))
        async with running_servers(tmp_path, {"odd": server}) as running:
            output = (await (await running.session()).run("work")).output
            assert '"code": -1' in output and why in output
    accepting.answer = UserAnswer("decline")
    async with running_servers(tmp_path, {"odd": asking(tmp_path, ("sampling/createMessage", prompt("a")))}) as running:
        assert "User rejected sampling request" in (await (await running.session()).run("work")).output


async def test_a_call_without_a_user_behind_it_is_declined(tmp_path: Path) -> None:
    server = asking(tmp_path, ("elicitation/create", {"message": "Who?", "requestedSchema": FORM}))
    async with running_servers(tmp_path, {"odd": server}) as running:
        assert (await (await running.session()).run("work")).output == 'got {"action": "decline"}'


async def test_a_question_that_may_be_about_either_of_two_calls_is_declined(
    tmp_path: Path, tasks: TaskOwner, accepting: FakeAsker
) -> None:
    answers: dict[str, list[Any]] = {
        "wait": [],
        "work": [
            {
                "ask": "elicitation/create",
                "params": {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}},
            }
        ],
    }
    server = scripted(tmp_path, [{"name": "wait"}, {"name": "work"}], answers)
    async with running_servers(tmp_path, {"odd": server}) as running:
        session = await running.session()
        waiting = tasks.start(session.run("wait"), "call")
        await asyncio.sleep(0)
        assert (await session.run("work")).output == 'got {"action": "decline"}'
        assert accepting.asked == []
        waiting.cancel()


async def test_a_question_is_withdrawn_when_its_call_ends(
    tmp_path: Path, tasks: TaskOwner, accepting: FakeAsker
) -> None:
    accepting.answer = None
    server = asking(
        tmp_path, ("elicitation/create", {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}})
    )
    async with running_servers(tmp_path, {"odd": server}) as running:
        session = await running.session()
        call = tasks.start(session.run("work"), "call")
        await eventually(lambda: accepting.asked, "the question")
        call.cancel()
        await eventually(lambda: accepting.withdrawn == 1, "the withdrawal")


async def test_over_http_a_question_says_which_call_it_belongs_to(
    tmp_path: Path, tasks: TaskOwner, accepting: FakeAsker
) -> None:
    accepting.answer = UserAnswer("accept", {"color": "red"})
    async with HttpServer.odd() as server, running_servers(tmp_path, {"odd": entry(url=server.url)}) as running:
        session = await running.session()
        waiting = tasks.start(session.run("hold"), "call")
        await eventually(lambda: "holding" in "".join(session.log), "the other call")
        assert "red" in (await session.run("ask")).output
        waiting.cancel()
