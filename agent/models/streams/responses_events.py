"""Responses events: decodes the events of OpenAI's Responses API (platform.openai.com, api-reference/responses-streaming)."""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from agent.models.provider_errors.words import Words, read_words
from agent.models.streams.decoding import ErrorChunk, Kind, LastChunk, counts_as, decode_event
from agent.models.types import StatePiece, StreamChunk, TokenCounts, ToolCallFragment

_INDEXED_ID: Final = re.compile(r"call_\d+")
"""An id that some servers give in every answer anew, so that it names nothing."""
_CALLS: Final = ("function_call", "custom_tool_call")


class _Item(msgspec.Struct):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    input: Any = None
    encrypted_content: str | None = None
    summary: Any = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    output: list[_Item] | None = None
    usage: Any = None
    incomplete_details: _Incomplete | None = None
    error: Any = None


class _Event(msgspec.Struct):
    type: str = ""
    delta: Any = None
    output_index: int | None = None
    item: _Item | None = None
    response: _Response | None = None


_decoder: Final = msgspec.json.Decoder(_Event)
_kinds: Final = msgspec.json.Decoder(Kind)
_KNOWN: Final = frozenset(
    {"response.output_item.added", "response.output_item.done"}
    | {"response.completed", "response.incomplete", "response.failed", "error"}
)
"""Events that are read here, beside those with a text as their `delta`."""


class ResponsesDecoder:
    """Decodes one stream."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._without_arguments: set[int] = set()
        self._gave_reasoning = False

    def __call__(self, data: bytes) -> StreamChunk | None:
        """As `Decode`."""
        try:
            event = decode_event(_decoder, data)
        except ValueError:
            if _is_known(data):
                raise
            return None
        kind, delta = event.type, event.delta
        if isinstance(delta, str):
            if kind in ("response.output_text.delta", "response.refusal.delta"):
                return StreamChunk(delta)
            if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
                return StreamChunk(reasoning=delta)
            if kind in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
                return self._arguments(event.output_index or 0, delta)
            return None
        if kind == "response.output_item.added":
            return self._begin(event.output_index or 0, event.item or _Item())
        if kind == "response.output_item.done":
            return self._end(event.output_index or 0, event.item or _Item())
        if kind in ("response.completed", "response.incomplete"):
            return self._finish(event.response or _Response(), is_whole=kind == "response.completed")
        if kind in ("error", "response.failed"):
            raise ErrorChunk(_words(event, data))
        if not kind:
            raise ValueError("an event without a type")
        return None  # events around these, of tools that the provider runs itself, and of later versions

    def _place(self, index: int) -> int:
        """The place of a call among the calls of the message. `index`: its place among all that the answer holds."""
        return self._places.setdefault(index, len(self._places))

    def _arguments(self, index: int, arguments: str) -> StreamChunk | None:
        if not arguments:
            return None
        self._without_arguments.discard(index)
        return StreamChunk(fragments=(ToolCallFragment(self._place(index), arguments=arguments),))

    def _begin(self, index: int, item: _Item) -> StreamChunk | None:
        if item.type not in _CALLS:
            return None
        fragment = _fragment(self._place(index), item)
        if not fragment.arguments:
            self._without_arguments.add(index)
        return StreamChunk(fragments=(fragment,))

    def _end(self, index: int, item: _Item) -> StreamChunk | None:
        """An item is whole. Only now is the encrypted content of a reasoning item; a call has come in pieces, or comes now."""
        if item.type == "reasoning":
            parts = _reasoning((item,))
            self._gave_reasoning = self._gave_reasoning or bool(parts)
            return StreamChunk(state=StatePiece(reasoning_items=parts)) if parts else None
        if item.type not in _CALLS:
            return None
        if index not in self._places:
            return self._begin(index, item)
        if index not in self._without_arguments:
            return None
        return self._arguments(index, _fragment(0, item).arguments or "")

    def _finish(self, response: _Response, *, is_whole: bool) -> LastChunk:
        output = response.output or []
        chunk = LastChunk(done=True, tokens=_tokens(response.usage))
        if not self._places:
            calls = (item for item in output if item.type in _CALLS)
            chunk.fragments = tuple(_fragment(self._place(index), item) for index, item in enumerate(calls))
        if not self._gave_reasoning and (parts := _reasoning(output)):
            chunk.state = StatePiece(reasoning_items=parts)
        if is_whole:
            chunk.finish_reason = "tool_calls" if self._places else "stop"
        else:
            reason = response.incomplete_details.reason if response.incomplete_details is not None else None
            chunk.finish_reason = "content_filter" if reason == "content_filter" else "length"
        return chunk


def _is_known(data: bytes) -> bool:
    """Whether data that could not be decoded is to be an event that is read here."""
    kind = decode_event(_kinds, data).type
    return not kind or kind in _KNOWN


def _fragment(place: int, item: _Item) -> ToolCallFragment:
    """A call as far as its item has it. Its id: the one that its result names, unless that is a number of this answer alone."""
    indexed = not item.call_id or _INDEXED_ID.fullmatch(item.call_id) is not None
    call_id = item.id or item.call_id if indexed else item.call_id
    is_custom = item.type == "custom_tool_call"
    arguments = item.input if is_custom else item.arguments
    return ToolCallFragment(place, call_id, item.name, arguments if isinstance(arguments, str) else None)


def _reasoning(items: Iterable[_Item]) -> list[dict[str, object]]:
    """The reasoning items that the provider takes back, with the fields that LiteLLM sends."""
    return [
        {
            "id": item.id or "",
            "type": "reasoning",
            "encrypted_content": item.encrypted_content,
            "summary": item.summary or [],
        }
        for item in items
        if item.type == "reasoning" and item.encrypted_content
    ]


def _words(event: _Event, data: bytes) -> Words:
    """The words of an error; a response that failed has it in a field of its own."""
    if event.response is None:
        return read_words(data)
    return read_words(msgspec.json.encode({"error": event.response.error}))


def _tokens(counts: object) -> TokenCounts | None:
    usage = counts_as(_Usage, counts)
    if usage is None:
        return None
    details, thought = usage.input_tokens_details or _InputDetails(), usage.output_tokens_details or _OutputDetails()
    return TokenCounts(
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        details.cached_tokens or 0,
        details.cache_write_tokens or 0,
        thought.reasoning_tokens or 0,
    )
