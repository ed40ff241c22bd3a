"""Gemini chunks: decodes the events of `streamGenerateContent` (ai.google.dev, api/generate-content). Pure."""

import json
from typing import Any, Final

import msgspec

from agent.models.provider_errors.words import read_words
from agent.models.streams.decoding import ErrorChunk, decode_event
from agent.models.types import StatePiece, StreamChunk, TokenCounts, ToolCallFragment

_WITHHELD: Final = (
    *("SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "ESCALATION"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE"),
)
_FINISH: Final = {
    **dict.fromkeys(_WITHHELD, "content_filter"),
    "STOP": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "MAX_TOKENS": "length",
    "MALFORMED_FUNCTION_CALL": "malformed_function_call",
    "MALFORMED_RESPONSE": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
"""Finish reasons in words that the assembler knows."""


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
        parts = (candidate.content.parts if candidate.content is not None else None) or []
        if len(parts) == 1 and parts[0].function_call is None and parts[0].thought_signature is None:
            part = parts[0]  # a token: by far the most are this
            if part.thought:
                result.reasoning = part.text or ""
            else:
                result.text = part.text or ""
        elif parts:
            self._add_parts(result, parts)
        reason = candidate.finish_reason
        if reason:
            known = _FINISH.get(reason, reason.lower())
            result.finish_reason = "tool_calls" if known == "stop" and self._calls else known

    def _add_parts(self, result: StreamChunk, parts: list[_Part]) -> None:
        calls = [part for part in parts if part.function_call is not None]
        texts = [part for part in parts if part.function_call is None]
        result.reasoning = "".join(part.text or "" for part in texts if part.thought)
        result.text = "".join(part.text or "" for part in texts if not part.thought)
        result.fragments = tuple(map(self._fragment, calls))
        signatures = [part.thought_signature for part in texts if part.thought_signature and not part.thought]
        if signatures:
            result.state = StatePiece(text_signatures=signatures)

    def _fragment(self, part: _Part) -> ToolCallFragment:
        """A call, which comes whole."""
        call, place = part.function_call or _FunctionCall(), self._calls
        self._calls += 1
        arguments = json.dumps({} if call.args is None else call.args, ensure_ascii=False)
        return ToolCallFragment(place, call.id, call.name, arguments, part.thought_signature or "")


def _tokens(usage: _Usage) -> TokenCounts:
    """The thoughts are counted apart from the answer, unless the total says that they are a part of it."""
    sent = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    wrote, thought = usage.candidates_token_count or 0, usage.thoughts_token_count or 0
    if usage.total_token_count != sent + wrote:
        wrote += thought
    return TokenCounts(sent, wrote, usage.cached_content_token_count or 0, reasoning=thought)
