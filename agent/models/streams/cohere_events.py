"""Cohere events: decodes the events of `/v2/chat` (docs.cohere.com, v2/docs/streaming). Pure.

LiteLLM's own reader looks for the end, the tokens and the calls under other names, and finds none of them.
"""

from typing import Any, Final

import msgspec

from agent.models.provider_errors.words import read_words
from agent.models.streams.decoding import ErrorChunk, LastChunk, decode_event
from agent.models.types import StreamChunk, TokenCounts, ToolCallFragment

_FINISH: Final = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "error",
    "TIMEOUT": "error",
}


class _Message(msgspec.Struct):
    content: Any = None
    tool_plan: str | None = None
    tool_calls: Any = None


class _Tokens(msgspec.Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None
    cached_tokens: float | None = None


class _Usage(msgspec.Struct):
    tokens: _Tokens | None = None
    cached_tokens: float | None = None


class _Delta(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: Any = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int | None = None
    delta: _Delta | None = None
    message: Any = None


_decoder: Final = msgspec.json.Decoder(_Event)


def decode(data: bytes) -> StreamChunk | None:
    """As `Decode`."""
    event = decode_event(_decoder, data)
    delta = event.delta or _Delta()
    if not event.type:
        if event.message:
            raise ErrorChunk(read_words(data))
        raise ValueError("an event without a type")
    if event.type == "message-end":
        if delta.error:
            raise ErrorChunk(read_words(str(delta.error)))
        reason = delta.finish_reason or ""
        return LastChunk(finish_reason=_FINISH.get(reason, reason), tokens=_tokens(delta.usage), done=True)
    message = delta.message or _Message()
    if event.type in ("tool-call-start", "tool-call-delta") and isinstance(message.tool_calls, dict):
        return StreamChunk(fragments=(_fragment(event.index, message.tool_calls),))
    if event.type in ("content-start", "content-delta") and isinstance(message.content, dict):
        return StreamChunk(text=_text(message.content, "text"), reasoning=_text(message.content, "thinking"))
    return StreamChunk(reasoning=message.tool_plan) if message.tool_plan else None


def _fragment(index: int | None, call: dict[str, Any]) -> ToolCallFragment:
    function = call.get("function")
    named = function if isinstance(function, dict) else {}
    return ToolCallFragment(index, _text(call, "id"), _text(named, "name"), _text(named, "arguments"))


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def _tokens(usage: _Usage | None) -> TokenCounts | None:
    if usage is None or usage.tokens is None:
        return None
    cached = usage.cached_tokens or usage.tokens.cached_tokens or 0
    counts = (usage.tokens.input_tokens or 0, usage.tokens.output_tokens or 0, cached)
    return TokenCounts(*(int(count) if abs(count) < 2**53 else 0 for count in counts))
