"""Failing models: each turn ends in a clear error or goes on, and the next turn works.

Through the whole server over a socket; the model server refuses every request whose history is not strictly valid.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocol import codes
from protocol import events as ev
from protocol.content import AssistantMessage, ToolMessage
from tests.faults.harness.failing_models import SOON_SILENT, answers_again, ask, served
from tests.faults.harness.lengths import LONG
from tests.support.live import client, listening, same_view
from tests.support.models.first_call import first_call
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Cut,
    ErrorChunk,
    Finish,
    Hang,
    Raw,
    Refusal,
    Reply,
    ScriptedModel,
    Silence,
    Step,
    Text,
    stream,
    text,
)
from tests.support.network.ports import free_port

PROVIDERS = ["openai", "hosted_vllm"]
"""LiteLLM reads each in code of its own. The short form has each fault with one of them, in turns."""
TEN_MB = 10_000_000


@dataclass(frozen=True)
class Ends:
    """The turn ends with this error; `kept` is what the model said before, and stays as a sealed message."""

    name: str
    answers: tuple[Answer, ...]
    code: str
    retryable: bool
    words: str
    kept: str = ""


@dataclass(frozen=True)
class GoesOn:
    """The turn goes on and completes with `final_response`; `result` are words of the one result that the model was given."""

    name: str
    answers: tuple[Answer, ...]
    final_response: str
    result: str = ""


def half(*steps: Step, done: bool = True) -> tuple[Answer, ...]:
    """An answer that fails after its first word."""
    return (Reply((Text("Half"), *steps), done=done),)


def once(*wanted: Call, finish: str = "tool_calls") -> tuple[Answer, ...]:
    """A message with these calls, then an answer in words."""
    return (stream(Text("I call."), *wanted, Finish(finish)), text("I see."))


ENDS = [
    Ends("a bad request", (Refusal(400, "no such thing"),), "model_bad_request", False, "no such thing"),
    Ends("no credentials", (Refusal(401, "bad key"),), "model_auth", False, "Check the API key|OPENAI_API_KEY"),
    Ends("no money", (Refusal(402, "pay first"),), "model_payment", False, "balance"),
    Ends("not for you", (Refusal(403, "go away"),), "model_auth", False, "HTTP 403"),
    Ends("too many calls", (Refusal(429, "slow", retry_after=3_600),), "model_rate_limited", True, "Wait a little"),
    Ends("a fault of its own", (Refusal(500, "oops"), Refusal(500, "oops")), "model_unavailable", True, "HTTP 500"),
    Ends("too long for it", (Refusal(400, "prompt is too long"),), "model_context_exceeded", False, "larger context"),
    Ends("a page, no stream", (Refusal(200, body=b"<html>"),), "model_bad_response", False, "api_base"),
    Ends("silence", (Silence(), Silence()), "model_timeout", True, "silent for 0.6 s"),
    Ends("silence after the head", (stream(Hang()), stream(Hang())), "model_timeout", True, "silent for 0.6 s"),
    Ends("a stall", half(Hang()), "model_timeout", True, "silent for 0.6 s", "Half"),
    Ends("a cut", half(Cut(), done=False), "model_stream_cut", True, "is kept", "Half"),
    Ends("a reset", half(Cut(reset=True), done=False), "model_stream_cut", True, "is kept", "Half"),
    Ends("no finish and no end", half(done=False), "model_stream_cut", True, "without a finish reason", "Half"),
    Ends("malformed data", half(Raw(b"data: {bad\n\n"), Finish()), "model_bad_response", True, "malformed", "Half"),
    Ends("bytes of no sense", half(Raw(b"data: \xff\xfe\x00\n\n")), "model_bad_response", True, "malformed", "Half"),
    Ends("an error chunk", half(ErrorChunk("engine died")), "model_bad_response", True, "engine died", "Half"),
    Ends("ten megabytes", half(Text("x" * TEN_MB), Finish()), "model_output_too_large", False, "1,000,000", "Half"),
    Ends("half a call", half(Call("plan", '{"items": []}', cut=5), Cut()), "model_stream_cut", True, "kept", "Half"),
]
GOES_ON = [
    GoesOn("a fault, then an answer", (Refusal(500), text("Here.")), "Here."),
    GoesOn("a cut before the first token", (Reply((), done=False), text("Here.")), "Here."),
    GoesOn("an end without a finish reason", half(), "Half"),
    GoesOn("a lone surrogate", (stream(Text("a\ud83d"), Text("b"), Finish()),), "a\ufffdb"),
    GoesOn("a pair of surrogates in two pieces", (stream(Text("\ud83d"), Text("\ude00"), Finish()),), "\U0001f600"),
    GoesOn("broken arguments", once(Call("plan", '{"items": [')), "I see.", "not a JSON object"),
    GoesOn("arguments that are no object", once(Call("plan", '"x"')), "I see.", "not a JSON object"),
    GoesOn("a lone surrogate in arguments", once(Call("read", '{"path": "\\ud800"}')), "I see.", "not run"),
    GoesOn("an unknown tool", once(Call("fly", {})), "I see.", "fly"),
    GoesOn("a tool of no name", once(Call("", {})), "I see.", "unnamed"),
    GoesOn("a name that no provider takes", once(Call("rm -rf /", {})), "I see.", "rm_-rf__"),
    GoesOn("a call without an id", once(Call("list", {}, id="")), "I see."),
    GoesOn(
        "half a call at the output limit",
        once(Call("plan", {"items": []}, cut=6), finish="length"),
        "I see.",
        "cut by the output limit",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    asyncio.run(first_call())


def in_turns(faults: Sequence[Ends] | Sequence[GoesOn]) -> list[tuple[Ends | GoesOn, str]]:
    """Each fault with each provider; in the short form with one, so that each provider has half of the faults."""
    every = [(fault, provider) for fault in faults for provider in PROVIDERS]
    return every if LONG else every[::4] + every[3::4]


def names(value: object) -> str:
    return value.name.replace(" ", "-") if isinstance(value, (Ends, GoesOn)) else str(value)


@pytest.mark.parametrize(("fault", "provider"), in_turns(ENDS), ids=names)
async def test_a_model_failure_ends_the_turn_with_its_error_and_the_next_turn_works(
    tmp_path: Path, fault: Ends, provider: str
) -> None:
    async with ScriptedModel([*fault.answers, text("Still here.")]) as model:
        calls = SOON_SILENT if fault.code == "model_timeout" else None
        async with listening(served(tmp_path, model, provider, calls)) as live, client(live) as talker:
            ended = await ask(talker, "hello")
            assert isinstance(ended, ev.ErrorEvent), ended
            assert (ended.code, ended.retryable) == (fault.code, fault.retryable)
            assert ended.message.startswith(f"The model {provider}/scripted ")
            assert any(words in ended.message for words in fault.words.split("|")), ended.message
            assert "secret-key" not in ended.message
            assert codes.ERRORS[ended.code]
            kept = [m for m in talker.view.messages if isinstance(m, AssistantMessage)]
            assert [(m.text, m.sealed, m.tool_calls) for m in kept] == ([(fault.kept, True, [])] if fault.kept else [])
            assert len(model.requests) == len(fault.answers), "every try is scripted"
            await answers_again(talker)
            async with client(live, talker.ready.session_id) as fresh:
                await fresh.synced()
                assert same_view(fresh.view, talker.view)


@pytest.mark.parametrize(("fault", "provider"), in_turns(GOES_ON), ids=names)
async def test_a_flawed_answer_does_not_end_the_turn_and_the_history_stays_valid(
    tmp_path: Path, fault: GoesOn, provider: str
) -> None:
    async with ScriptedModel([*fault.answers, text("Still here.")]) as model:
        async with listening(served(tmp_path, model, provider)) as live, client(live) as talker:
            ended = await ask(talker, "hello")
            assert isinstance(ended, ev.TurnComplete), ended
            assert ended.final_response == fault.final_response
            results = [m for m in talker.view.messages if isinstance(m, ToolMessage)]
            if fault.result:
                assert [m.success for m in results] == [False]
                assert fault.result in results[0].output or fault.result in results[0].tool
            await answers_again(talker)
            async with client(live, talker.ready.session_id, encoding="msgpack") as fresh:
                await fresh.synced()
                assert same_view(fresh.view, talker.view)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_two_calls_with_one_id_each_get_a_result_of_their_own(tmp_path: Path, provider: str) -> None:
    twice = (Call("list", {}, id="c"), Call("read", {"path": "none"}, id="c"))
    async with ScriptedModel([*once(*twice), *once(*twice), text("Still here.")]) as model:
        async with listening(served(tmp_path, model, provider)) as live, client(live) as talker:
            for _ in range(2):
                ended = await ask(talker, "look")
                assert isinstance(ended, ev.TurnComplete), ended
            results = [m for m in talker.view.messages if isinstance(m, ToolMessage)]
            assert [m.tool for m in results] == ["list", "read"] * 2
            assert [m.success for m in results] == [True, False] * 2
            assert len({m.tool_call_id for m in results}) == 4
            await answers_again(talker)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_unreachable_provider_is_reported_and_used_again_when_it_is_reachable(
    tmp_path: Path, provider: str
) -> None:
    model = ScriptedModel([text("Still here.")], port=free_port())
    async with listening(served(tmp_path, model, provider)) as live, client(live) as talker:
        ended = await ask(talker, "hello")
        assert isinstance(ended, ev.ErrorEvent), ended
        assert (ended.code, ended.retryable) == ("model_unavailable", True)
        assert f"The model {provider}/scripted can't be reached" in ended.message
        async with model:
            await answers_again(talker)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_retry_waits_as_long_as_retry_after_says(tmp_path: Path, provider: str) -> None:
    async with ScriptedModel([Refusal(429, retry_after=0.4), text("Still here.")]) as model:
        async with listening(served(tmp_path, model, provider)) as live, client(live) as talker:
            await answers_again(talker)
            first, second = model.requests
            assert second.at - first.at >= 0.4


# ----------------------------------------------------------------------------------------- too large for the context
