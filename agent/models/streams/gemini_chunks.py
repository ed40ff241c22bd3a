"""Gemini chunks: decodes the events of `streamGenerateContent` (ai.google.dev, api/generate-content). Pure."""

import json
from typing import Any, Final

import msgspec

from agent.models.provider_errors.words import read_words
from agent.models.streams.decoding import ErrorChunk, decode_event
from agent.models.types import StatePiece, StreamChunk, TokenCounts, ToolCallFragment

_FINISH: Final = {
    "STOP": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "MAX_TOKENS": "length",
    "MALFORMED_FUNCTION_CALL": "malformed_function_call",
    "MALFORMED_RESPONSE": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
"""Finish reasons in words that the assembler knows. All others mean that the answer was withheld."""


class _FunctionCall(msgspec.Struct):
    name: str | None = None
    args: Any = None
    id: str | None = None


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _FunctionCall | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    error: Any = None


_decoder: Final = msgspec.json.Decoder(_Event)


class GeminiDecoder:
    """Decodes one stream. It counts the calls: they have no place, and no finish reason of their own."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, data: bytes) -> StreamChunk | None:
        """As `Decode`."""
        event = decode_event(_decoder, data)
        if event.error:
            raise ErrorChunk(read_words(data))
        result = StreamChunk()
        if event.candidates:
            self._add_candidate(result, event.candidates[0])
        elif event.prompt_feedback is not None and event.prompt_feedback.block_reason:
            result.finish_reason = "content_filter"
        if event.usage_metadata is not None:
            result.tokens = _tokens(event.usage_metadata)
        return result

    def _add_candidate(self, result: StreamChunk, candidate: _Candidate) -> None:
        parts = candidate.content.parts if candidate.content is not None else None
        for part in parts or ():
            if part.function_call is not None:
                result.fragments = (*result.fragments, self._fragment(part.function_call, part.thought_signature))
                continue
            if part.text and part.thought:
                result.reasoning += part.text
            elif part.text:
                result.text += part.text
            if part.thought_signature and not part.thought:
                result.state = StatePiece(text_signatures=[part.thought_signature])
        reason = candidate.finish_reason
        if reason:
            known = _FINISH.get(reason, "content_filter")
            result.finish_reason = "tool_calls" if known == "stop" and self._calls else known

    def _fragment(self, call: _FunctionCall, signature: str | None) -> ToolCallFragment:
        """A call, which comes whole."""
        place, self._calls = self._calls, self._calls + 1
        arguments = json.dumps({} if call.args is None else call.args, ensure_ascii=False)
        return ToolCallFragment(place, call.id, call.name, arguments, signature or "")


def _tokens(usage: _Usage) -> TokenCounts:
    """The thoughts are counted apart from the answer, unless the total says that they are a part of it."""
    sent = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    wrote, thought = usage.candidates_token_count or 0, usage.thoughts_token_count or 0
    if usage.total_token_count != sent + wrote:
        wrote += thought
    return TokenCounts(sent, wrote, usage.cached_content_token_count or 0, reasoning=thought)
