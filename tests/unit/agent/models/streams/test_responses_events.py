"""Responses events: what the decoder makes of events that LiteLLM's wrapper loses or reads otherwise."""

import json

import pytest

from agent.models.streams.decoding import ErrorChunk, LastChunk
from agent.models.streams.responses_events import ResponsesDecoder
from agent.models.types import StreamChunk, TokenCounts, ToolCallFragment
from tests.support.models.format_events import Body, delta, function, reasoned, responses, said

CALL = {"type": "function_call", "id": "fc", "call_id": "call_x", "name": "list", "arguments": '{"a": 1}'}
WHOLE = ToolCallFragment(0, "call_x", "list", '{"a": 1}')


def decoded(*bodies: Body) -> list[StreamChunk]:
    """The chunks of these events."""
    decoder = ResponsesDecoder()
    chunks = [decoder(json.dumps(body).encode()) for body in bodies]
    return [chunk for chunk in chunks if chunk is not None]


def test_a_refusal_is_a_text_and_a_readable_reasoning_is_one() -> None:
    chunks = decoded(delta("refusal", "I cannot help."), delta("reasoning_text", "Hm."))
    assert [(chunk.text, chunk.reasoning) for chunk in chunks] == [("I cannot help.", ""), ("", "Hm.")]


def test_a_call_without_pieces_comes_when_it_is_whole() -> None:
    begun = {"type": "response.output_item.added", "output_index": 3, "item": {**CALL, "arguments": ""}}
    done = {"type": "response.output_item.done", "output_index": 3, "item": CALL}
    assert [chunk.fragments for chunk in decoded(done)] == [(WHOLE,)]
    assert [chunk.fragments for chunk in decoded(begun, done)] == [
        (ToolCallFragment(0, "call_x", "list", ""),),
        (ToolCallFragment(0, arguments='{"a": 1}'),),
    ]


def test_calls_that_come_only_with_the_whole_response_count() -> None:
    (last,) = decoded({"type": "response.completed", "response": {"output": [{"type": "reasoning"}, CALL]}})
    assert (last.fragments, last.finish_reason) == ((WHOLE,), "tool_calls")


def test_calls_and_reasoning_do_not_come_twice() -> None:
    *events, last = decoded(*responses(*reasoned(0, "Hm."), *function(1, "{}"), *said(2, "Hi")))
    assert [fragment.arguments for chunk in events for fragment in chunk.fragments] == ["", "{}"]
    assert [chunk.state is not None for chunk in events] == [False, True, False, False, False]
    assert (last.fragments, last.state, last.finish_reason) == ((), None, "tool_calls")


def test_reasoning_that_comes_only_with_the_whole_response_counts() -> None:
    sealed = {"type": "reasoning", "id": "rs", "encrypted_content": "S", "summary": [], "status": "completed"}
    output = [{"type": "reasoning", "id": "rs0", "encrypted_content": None}, sealed]
    (last,) = decoded({"type": "response.completed", "response": {"output": output}})
    assert last.state is not None
    assert last.state.reasoning_items == [{name: value for name, value in sealed.items() if name != "status"}]


def test_calls_have_their_places_among_the_calls() -> None:
    chunks = decoded(*reasoned(0), *function(1, "{}"), *said(2, "Hi"), *function(5, "{}"))
    assert [fragment.index for chunk in chunks for fragment in chunk.fragments] == [0, 0, 1, 1]


def test_the_text_of_a_call_of_a_custom_tool_is_its_arguments() -> None:
    call = {"type": "custom_tool_call", "id": "ctc", "call_id": "call_x", "name": "patch", "input": ""}
    begun = {"type": "response.output_item.added", "output_index": 0, "item": call}
    chunks = decoded(begun, delta("custom_tool_call_input", "*** Begin"))
    assert [chunk.fragments[0].arguments for chunk in chunks] == ["", "*** Begin"]


def test_the_counts_are_the_responses() -> None:
    details = {"cached_tokens": 70, "cache_write_tokens": 10}
    usage = {"input_tokens_details": details, "output_tokens_details": {"reasoning_tokens": 30}}
    *_, last = decoded(*responses(usage=usage))
    assert isinstance(last, LastChunk)
    assert last.tokens == TokenCounts(100, 50, 70, 10, 30)


@pytest.mark.parametrize("usage", [None, 7, [], {"input_tokens": "many"}, {"output_tokens": 1.5}], ids=str)
def test_counts_that_are_missing_or_none_are_left_out(usage: object) -> None:
    (last,) = decoded({"type": "response.completed", "response": {"usage": usage}})
    assert (last.tokens, last.finish_reason) == (None, "stop")


@pytest.mark.parametrize(
    ("end", "details", "reason"),
    [
        ("completed", None, "stop"),
        ("incomplete", None, "length"),
        ("incomplete", {"reason": "max_output_tokens"}, "length"),
        ("incomplete", {"reason": "content_filter"}, "content_filter"),
    ],
)
def test_the_reason_to_finish_is_how_the_response_ends(end: str, details: Body | None, reason: str) -> None:
    *_, last = decoded(*responses(end=end, usage=None, incomplete_details=details))
    assert last.finish_reason == reason


@pytest.mark.parametrize(
    "body",
    [
        {"type": "response.in_progress", "response": {"status": "in_progress"}},
        {"type": "response.later", "item": 7, "output_index": "x"},
        {"type": "response.web_search_call.searching", "output_index": 0},
        {"type": "response.audio.delta", "delta": "AAAA"},
        {"type": "response.function_call_arguments.delta", "delta": "", "output_index": 0},
        {"type": "response.output_item.done", "item": {"type": "tool_search_call", "arguments": {}}},
        {"type": "response.output_item.added"},
    ],
    ids=str,
)
def test_events_of_other_kinds_are_ignored(body: Body) -> None:
    assert decoded(body) == []


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"type": "response.output_item.added", "item": []}',
        b'{"type": "response.completed", "response": 7}',
    ],
    ids=lambda data: data[:50],
)
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        ResponsesDecoder()(data)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "died"}}},
        {"type": "error", "code": "server_error", "message": "died"},
        {"type": "error", "error": {"type": "server_error", "message": "died"}},
    ],
    ids=["failed", "an error", "an error in an error"],
)
def test_an_error_is_told_in_its_words(body: Body) -> None:
    with pytest.raises(ErrorChunk) as raised:
        decoded(body)
    assert raised.value.words.message == "died"
    assert "server_error" in raised.value.words.codes


def test_a_response_that_fails_without_a_word_is_an_error() -> None:
    with pytest.raises(ErrorChunk):
        decoded({"type": "response.failed", "response": {"error": None}})
