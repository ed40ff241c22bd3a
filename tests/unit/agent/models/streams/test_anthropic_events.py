"""Anthropic events: what the decoder makes of events that LiteLLM's wrapper loses or reads otherwise."""

import json

import pytest

from agent.models.streams.anthropic_events import AnthropicDecoder
from agent.models.streams.decoding import ErrorChunk, LastChunk
from agent.models.types import StreamChunk, TokenCounts
from tests.support.models.format_events import Body, anthropic, block, text, tool


def decoded(*bodies: Body, names: dict[str, str] | None = None) -> list[StreamChunk]:
    """The chunks of these events."""
    decoder = AnthropicDecoder(names or {})
    chunks = [decoder(json.dumps(body).encode()) for body in bodies]
    return [chunk for chunk in chunks if chunk is not None]


def arguments(chunks: list[StreamChunk]) -> dict[int | None, str]:
    """The arguments of each call, by its place."""
    found: dict[int | None, str] = {}
    for chunk in chunks:
        for fragment in chunk.fragments:
            found[fragment.index] = found.get(fragment.index, "") + (fragment.arguments or "")
    return found


def test_a_call_without_arguments_has_an_empty_object_of_them() -> None:
    assert arguments(decoded(*tool(0), *tool(1, ""), *tool(2, '{"a": 1}'))) == {0: "{}", 1: "{}", 2: '{"a": 1}'}


def test_arguments_that_come_whole_count_if_no_pieces_come() -> None:
    chunks = decoded(*tool(0, input={"a": 1}), *tool(1, '{"b": 2}', input={"a": 1}))
    assert arguments(chunks) == {0: '{"a": 1}', 1: '{"b": 2}'}


def test_a_tool_that_the_provider_runs_itself_is_no_call() -> None:
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result"}]}
    chunks = decoded(*tool(0, '{"query": "x"}', type="server_tool_use"), *block(1, result), *tool(2, "{}"))
    assert arguments(chunks) == {0: "{}"}
    assert chunks[0].fragments[0].id == "toolu_2"


def test_a_tool_has_the_name_that_it_was_given() -> None:
    (first, *_) = decoded(*tool(0, name="files_read"), names={"files_read": "files/read"})
    assert first.fragments[0].name == "files/read"


def test_what_a_block_begins_with_counts() -> None:
    start = {"type": "thinking", "thinking": "Hm.", "signature": "S"}
    chunks = decoded(*block(0, start), *block(1, {"type": "text", "text": "Hel"}, {"type": "text_delta", "text": "lo"}))
    assert [(chunk.reasoning, chunk.text) for chunk in chunks] == [("Hm.", ""), ("", "Hel"), ("", "lo")]
    assert chunks[0].state is not None
    assert chunks[0].state.thinking_blocks == [start]


def test_a_thought_without_a_signature_leaves_nothing_for_the_next() -> None:
    thought = {"type": "thinking", "thinking": "", "signature": ""}
    signed = {"type": "signature_delta", "signature": "S"}
    chunks = decoded(*block(0, thought, {"type": "thinking_delta", "thinking": "lost"}), *block(1, thought, signed))
    states = [chunk.state.thinking_blocks for chunk in chunks if chunk.state is not None]
    assert states == [[{"type": "thinking", "thinking": "", "signature": "S"}]]


def test_counts_add_up_over_the_events() -> None:
    cached = {"input_tokens": 20, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 10, "later": {}}
    thought = {"output_tokens_details": {"thinking_tokens": 30}}
    counts = [chunk.tokens for chunk in decoded(*anthropic(begin=cached, end=thought)) if chunk.tokens is not None]
    assert counts == [TokenCounts(100, 1, 70, 10), TokenCounts(100, 50, 70, 10, 30)]


@pytest.mark.parametrize("usage", [None, 7, [], {"input_tokens": "many"}, {"output_tokens": 1.5}], ids=str)
def test_counts_that_are_missing_or_none_are_left_out(usage: object) -> None:
    begin = {"type": "message_start", "message": {"usage": usage}}
    end = {"type": "message_delta", "usage": usage, "delta": {"stop_reason": "end_turn"}}
    assert [chunk.tokens for chunk in decoded(begin, end)] == [None, None]
    assert [chunk.tokens for chunk in decoded({"type": "message_start"}, {"type": "message_delta"})] == [None, None]


def test_a_stop_without_a_reason_is_an_end() -> None:
    *_, last, stop = decoded(*anthropic(*text(0, "Hello"), reason=None))
    assert last.finish_reason == ""
    assert isinstance(stop, LastChunk)
    assert stop.done


@pytest.mark.parametrize(
    "body",
    [
        {"type": "ping"},
        {"type": "later", "delta": {"text": 7}},
        {"type": "content_block_start", "content_block": {"type": "later", "text": {}}},
        {"type": "content_block_delta", "delta": {"type": "later_delta", "text": []}},
        {"type": "content_block_delta", "delta": {"type": "citations_delta", "citation": {"cited_text": "x"}}},
        {"type": "content_block_delta"},
        {"type": "content_block_start"},
        {"type": "content_block_stop", "index": "x"},
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
        b"7",
        b"{}",
        b'{"type": 7}',
        b'{"type": "content_block_delta", "delta": {"type": "text_delta", "text": 7}}',
        b'{"type": "message_start", "message": []}',
        b"[" * 100_000,
    ],
    ids=lambda data: data[:24],
)
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        AnthropicDecoder({})(data)


def test_an_error_without_a_name_is_one() -> None:
    with pytest.raises(ErrorChunk) as raised:
        decoded({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert (raised.value.words.message, raised.value.words.codes) == ("Overloaded", ("overloaded_error",))


def test_half_of_a_character_is_kept_for_its_other_half() -> None:
    data = rb'{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "\ud83d"}}'
    chunk = AnthropicDecoder({})(data)
    assert chunk is not None
    assert chunk.text == "\ud83d"
