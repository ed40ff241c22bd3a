"""Wrapped streams: what LiteLLM's wrapper leaves out is collected before it."""

from collections.abc import AsyncIterator

from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices

from agent.models.streams.wrapped import StreamTap


async def chunks() -> AsyncIterator[object]:
    for details in ([{"text": "a"}], None, "none", [{"signature": "S"}, 7]):
        delta = Delta(content="so") if details is None else Delta(content=None, reasoning_details=details)
        yield ModelResponseStream(choices=[StreamingChoices(delta=delta)])
    yield ModelResponseStream(choices=[])
    yield {"text": "a chunk of another kind"}


async def test_the_details_of_all_chunks_are_collected_in_their_order_and_taken_once() -> None:
    tap = StreamTap(chunks())
    passed = [chunk async for chunk in tap]
    assert len(passed) == 6
    assert tap.take() == [{"text": "a"}, {"signature": "S"}, 7]
    assert tap.take() == []


async def test_what_is_asked_of_the_stream_is_answered_by_it() -> None:
    stream = chunks()
    tap = StreamTap(stream)
    assert tap.aclose == stream.aclose  # type: ignore[attr-defined]  # an async generator has it
    assert not hasattr(tap, "http_response")
    await tap.aclose()
