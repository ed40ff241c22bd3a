"""Broken streams: the error is right, the text so far is kept, and no text comes twice."""

import asyncio
import time

import pytest

from agent.models import ModelError
from agent.util.tasks import TaskOwner
from tests.support.backends import Sink, scripted
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Cut,
    ErrorChunk,
    Finish,
    Gate,
    Hang,
    Raw,
    Reason,
    Refusal,
    Reply,
    Silence,
    Step,
    Text,
    Tokens,
    stream,
    text,
)


@pytest.mark.parametrize("end", [(Cut(),), (Cut(reset=True),), ()], ids=["closed", "reset", "ended"])
async def test_a_stream_that_ends_too_soon_is_cut_and_not_tried_again(
    way: str, tasks: TaskOwner, end: tuple[Step, ...]
) -> None:
    gate, sink = Gate(), Sink()
    async with scripted(way, [Reply((Text("Half"), gate, *end), done=False)]) as backend:
        call = tasks.start(backend.models.call(backend.ask("hello"), sink), "call")
        async with asyncio.timeout(30):
            await sink.first.wait()
            gate.open()
            with pytest.raises(ModelError) as raised:
                await call
        assert len(backend.requests) == 1
    assert raised.value.code == "model_stream_cut"
    assert sink.all() == "Half"


async def test_stream_cut_before_its_first_token_is_retried(way: str) -> None:
    async with scripted(way, [Reply((), done=False), Reply((Cut(),)), text("Here.")]) as backend:
        await backend.call()
        assert len(backend.requests) == 3
    assert backend.sink.all() == "Here."


async def test_error_in_the_stream_is_quoted(way: str) -> None:
    async with scripted(way, [stream(Text("Half"), ErrorChunk("the engine died"))]) as backend:
        error = await backend.fails()
    assert error.code == "model_bad_response"
    assert "the engine died" in error.message
    assert backend.sink.all() == "Half"


async def test_an_error_in_the_stream_that_has_a_kind_keeps_it(way: str) -> None:
    async with scripted(way, [stream(Text("Half"), ErrorChunk("slow down", "rate_limit_exceeded"))]) as backend:
        error = await backend.fails()
    if way == "hosted_vllm, wrapped":
        assert error.code == "model_bad_response", "this wrapper forgets the code"
    else:
        assert error.code == "model_rate_limited"


@pytest.mark.parametrize("data", [b"data: {bad\n\n", b'data: ["no", "chunk"]\n\n', b"data: 7\n\n"])
async def test_malformed_data_in_the_stream_is_a_bad_response(direct: str, data: bytes) -> None:
    async with scripted(direct, [stream(Text("Half"), Raw(data), Text("more"), Finish())]) as backend:
        error = await backend.fails()
    assert error.code == "model_bad_response"
    assert backend.sink.all() == "Half"


async def test_html_page_instead_of_a_stream_points_at_api_base(direct: str) -> None:
    async with scripted(direct, [Refusal(200, body=b"<html>welcome</html>")]) as backend:
        error = await backend.fails()
    assert error.code == "model_bad_response"
    assert "api_base" in error.message


async def test_silence_before_the_first_token_is_tried_again(way: str) -> None:
    answers: list[Answer] = [Silence(), stream(Hang()), text("Here.")]
    async with scripted(way, answers, first_token_timeout_s=1.0) as backend:
        await backend.call()
        assert len(backend.requests) == 3
        async with asyncio.timeout(30):
            await backend.requests[0].left.wait()
            await backend.requests[1].left.wait()
    assert backend.sink.all() == "Here."


async def test_comments_and_empty_chunks_extend_the_first_token_timeout_and_not_for_ever(direct: str) -> None:
    life: tuple[Step, ...] = (Text("", 0.02), Raw(b": still here\n\n")) * 20
    answers = [stream(*life, Text("Here."), Finish()), stream(*life * 10)]
    async with scripted(direct, answers, first_token_timeout_s=0.4, max_retries=0) as backend:
        await backend.call()
        assert backend.sink.all() == "Here."
        error = await backend.fails()
    assert error.code == "model_timeout"
    assert "signs of life and nothing else for 2 s" in error.message


async def test_comments_in_the_middle_of_an_answer_are_no_stall(direct: str) -> None:
    """Some servers hold a long tool call back until it is whole."""
    life = tuple(step for _ in range(20) for step in (Text("", 0.02), Raw(b": ping\n\n")))
    async with scripted(direct, [stream(Text("Half"), *life, Text(" done"), Finish())], stall_timeout_s=0.2) as backend:
        await backend.call()
    assert backend.sink.all() == "Half done"


async def test_a_stall_in_the_middle_fails_and_closes_the_stream(way: str) -> None:
    async with scripted(way, [stream(Text("Half"), Hang())], stall_timeout_s=0.3) as backend:
        begin = time.monotonic()
        error = await backend.fails()
        assert 0.25 < time.monotonic() - begin < 30
        async with asyncio.timeout(30):
            await backend.requests[0].left.wait()
        assert len(backend.requests) == 1
    assert error.code == "model_timeout"
    assert backend.sink.all() == "Half"


async def test_a_sink_may_take_longer_than_the_model_may_stall(way: str) -> None:
    async with scripted(way, [text("One ", "two.")], stall_timeout_s=0.3, first_token_timeout_s=30) as backend:

        async def slow(kind: str, text: str) -> None:
            await asyncio.sleep(0.6)

        reply = await backend.models.call(backend.ask("hello"), slow)
    assert reply.finish_reason == "stop"


async def test_a_slow_but_steady_stream_is_no_stall(way: str) -> None:
    async with scripted(
        way, [text(*["word "] * 8, every=0.15)], stall_timeout_s=1.0, first_token_timeout_s=30
    ) as backend:
        await backend.call()
    assert backend.sink.all() == "word " * 8


@pytest.mark.parametrize("answer", [Silence(), stream(Hang()), stream(Text("Half"), Hang())])
async def test_a_cancelled_call_leaves_a_silent_model_within_100_ms(way: str, tasks: TaskOwner, answer: Answer) -> None:
    took = []
    async with scripted(way, lambda request: answer) as backend:
        await backend.models.load()
        for number in range(3):  # the best of three: a busy machine may be late once
            call = tasks.start(backend.models.call(backend.ask("hello"), Sink()), "call")
            request = await backend.server.request(number)
            call.cancel()
            begin = time.monotonic()
            async with asyncio.timeout(30):
                await request.left.wait()
            assert request.left_at is not None
            took.append(request.left_at - begin)
    assert min(took) < 0.1


async def test_an_answer_that_is_too_large_is_stopped(way: str) -> None:
    answer = stream(Reason("x" * 600), Text("y" * 500), Hang())
    async with scripted(way, [answer], max_output_chars=1000) as backend:
        error = await backend.fails()
        async with asyncio.timeout(30):
            await backend.requests[0].left.wait()
    assert error.code == "model_output_too_large"
    assert not error.retryable
    assert "1,000" in error.message


async def test_a_tool_call_that_is_too_large_is_stopped(way: str) -> None:
    async with scripted(way, [stream(Call("f", "x" * 2000), Hang())], max_output_chars=1000) as backend:
        error = await backend.fails()
    assert error.code == "model_output_too_large"


async def test_an_endless_line_is_stopped_before_it_fills_the_memory(direct: str) -> None:
    async with scripted(direct, [stream(Raw(b"data: " + b"x" * 200_000), Hang())], max_output_chars=1000) as backend:
        error = await backend.fails()
    assert error.code == "model_output_too_large"


async def test_a_fast_stream_lets_others_run(way: str, tasks: TaskOwner) -> None:
    count = 20_000 if way.endswith("direct") else 1_000
    since = worst = 0

    async def others() -> None:
        nonlocal since
        while True:
            since = 0
            await asyncio.sleep(0)

    class Counting(Sink):
        async def __call__(self, kind: str, piece: str) -> None:
            await super().__call__(kind, piece)
            self.count()

        def put(self, kind: str, piece: str) -> None:
            super().put(kind, piece)
            self.count()

        def count(self) -> None:
            nonlocal since, worst
            since += 1
            worst = max(worst, since)

    sink = Counting()
    async with scripted(way, [stream(Tokens(count), Finish())]) as backend:
        tasks.start(others(), "others")
        await backend.models.call(backend.ask("hello"), sink)
    assert len(sink.deltas) > 150
    assert worst < 50
