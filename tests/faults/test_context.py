"""Conversation longer than the model's context: it is summarised, or the turn ends with an error; model calls do not repeat without end."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from protocol import codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import Compact, Undo
from tests.faults.harness.failing_models import answers_again, ask, served
from tests.support.live import Client, client, listening
from tests.support.models.first_call import first_call
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Cut,
    Finish,
    Refusal,
    Request,
    ScriptedModel,
    Text,
    Usage,
    calls,
    stream,
    text,
)

LIMIT = 4_000
SMALL: dict[str, object] = {"default_context_limit": LIMIT}
HUGE = "word " * 20_000
LONG = "word " * 1_200


@pytest.fixture(autouse=True)
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little of the small context is counted for tools, which the model here is not told of."""
    monkeypatch.setattr("agent.session.session.OVERHEAD_TOKENS", 100)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    asyncio.run(first_call())


def is_summary(request: Request) -> bool:
    """Whether it asks for a summary."""
    return "summarise" in str(request.messages[0]["content"])


def model_of(limit: int, summary: str = "They talked.") -> Callable[[Request], Answer]:
    """A model that refuses what is longer than its limit, and counts a token for four letters or one CJK character."""

    def script(request: Request) -> Answer:
        prompt = "".join(str(message["content"]) for message in request.messages)
        tokens = int(sum(0.25 if character.isascii() else 1 for character in prompt))
        if tokens > limit:
            return Refusal(400, f"prompt is too long: {tokens} tokens, and the maximum is {limit}")
        return text(summary if is_summary(request) else "Still here.", usage=Usage(tokens, 10))

    return script


async def undo(talker: Client) -> None:
    """Take back the last turn."""
    await talker.send(Undo())
    done = await talker.until_type(ev.UndoComplete, Refused)
    assert isinstance(done, ev.UndoComplete), done


async def overflows(talker: Client, words: str) -> None:
    """Say what is too large: the error says so, names the model and what to do."""
    ended = await ask(talker, words)
    assert isinstance(ended, ev.ErrorEvent), ended
    assert (ended.code, ended.retryable) == (codes.CONTEXT_OVERFLOW, False)
    assert "openai/scripted" in ended.message and "undo" in ended.message


async def test_a_message_larger_than_the_context_makes_no_call_and_can_be_undone(tmp_path: Path) -> None:
    async with ScriptedModel(model_of(LIMIT)) as model:
        async with listening(served(tmp_path, model, "openai", SMALL)) as live, client(live) as talker:
            for _ in range(3):
                await overflows(talker, HUGE)
            assert model.requests == []
            for _ in range(3):
                await undo(talker)
            await answers_again(talker)
            assert len(model.requests) == 1


async def test_after_a_message_too_large_the_next_turn_works_with_one_summary(tmp_path: Path) -> None:
    async with ScriptedModel(model_of(LIMIT)) as model:
        async with listening(served(tmp_path, model, "openai", SMALL)) as live, client(live) as talker:
            await answers_again(talker)
            await overflows(talker, HUGE)
            assert len(model.requests) == 1
            for _ in range(3):
                await answers_again(talker)
            assert [is_summary(request) for request in model.requests] == [False, True, False, False, False]


async def test_a_tool_output_too_large_to_compact_ends_the_turn_and_can_be_undone(tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        reads = request.messages[-1] == {"role": "user", "content": "read it"}
        return calls(Call("read", {"path": "big.txt"})) if reads else model_of(LIMIT)(request)

    async with ScriptedModel(script) as model:
        async with listening(served(tmp_path, model, "openai", SMALL)) as live, client(live) as talker:
            await answers_again(talker)
            workspace = tmp_path / "workspaces" / talker.ready.session_id
            workspace.mkdir(parents=True, exist_ok=True)
            (workspace / "big.txt").write_text("some line of text\n" * 2_000)
            await overflows(talker, "read it")
            assert len(model.requests) == 2, "nothing but the call that asked for the tool"
            await undo(talker)
            await answers_again(talker)
            assert len(model.requests) == 3


async def test_a_summary_longer_than_what_it_replaces_is_cut(tmp_path: Path) -> None:
    async with ScriptedModel(model_of(LIMIT, summary=HUGE)) as model:
        async with listening(served(tmp_path, model, "openai", SMALL)) as live, client(live) as talker:
            for _ in range(8):
                assert isinstance(await ask(talker, LONG), ev.TurnComplete)
            summaries = sum(map(is_summary, model.requests))
            assert 0 < summaries <= 7
            assert len(model.requests) == 8 + summaries


async def test_a_summary_of_non_ascii_text_is_requested_within_the_models_limit(tmp_path: Path) -> None:
    limit = 12_000
    given: dict[str, object] = {"default_context_limit": limit}
    async with ScriptedModel(model_of(limit)) as model:
        async with listening(served(tmp_path, model, "openai", given)) as live, client(live) as talker:
            await overflows(talker, "\u8a9e" * 50_000)
            await answers_again(talker)
            assert [is_summary(request) for request in model.requests] == [True, False]


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        (Refusal(400, "prompt is too long"), 1),
        (Refusal(401, "bad key"), 1),
        (stream(Text("They"), Cut()), 1),
        (stream(Finish()), 2),  # an empty stream is asked once more, without a stream, for its reason
    ],
    ids=["too-long", "no-credentials", "cut", "empty"],
)
async def test_a_failed_summary_is_reported_and_the_context_stays(tmp_path: Path, answer: Answer, calls: int) -> None:
    failing = True

    def script(request: Request) -> Answer:
        return answer if failing and is_summary(request) else model_of(LIMIT)(request)

    async with ScriptedModel(script) as model:
        async with listening(served(tmp_path, model, "openai", SMALL)) as live, client(live) as talker:
            await ask(talker, LONG)
            await answers_again(talker)
            await talker.send(Compact())
            ended = await talker.until_type(ev.ErrorEvent, ev.Compacted, Refused)
            assert isinstance(ended, ev.ErrorEvent) and ended.code == codes.COMPACTION_FAILED, ended
            assert len(model.requests) == 2 + calls
            await answers_again(talker)
            assert "word word" in str(model.requests[-1].messages)
            failing = False
            await talker.send(Compact())
            ended = await talker.until_type(ev.ErrorEvent, ev.Compacted, Refused)
            assert isinstance(ended, ev.Compacted), ended
            await answers_again(talker)
            assert "word word" not in str(model.requests[-1].messages)
