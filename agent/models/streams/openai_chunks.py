"""OpenAI chunks: decodes chat completion chunks, as strictly as common servers allow. Pure."""

import json
from typing import Any

import msgspec

from agent.models.provider_errors.words import read_words
from agent.models.streams.decoding import ErrorChunk, decode_event
from agent.models.types import (
    NAMES_REASONING,
    RETURNS_REASONING,
    StatePiece,
    StreamChunk,
    TokenCounts,
    ToolCallFragment,
)


class _Part(msgspec.Struct):
    text: str = ""
    thinking: "list[_Part] | str | None" = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: object = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None


class _BaseResponse(msgspec.Struct):
    status_code: int | str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    object: str | None = None
    message: Any = None
    detail: Any = None
    code: int | str | None = None
    base_resp: _BaseResponse | None = None


class _TextDelta(msgspec.Struct):
    content: str | None = None
    reasoning_content: None = None
    reasoning: None = None
    reasoning_details: None = None
    refusal: None = None
    tool_calls: None = None


class _TextChoice(msgspec.Struct):
    delta: _TextDelta
    finish_reason: None = None


class _TextChunk(msgspec.Struct):
    """A chunk with text and nothing else that `decode` reads, as most are."""

    choices: tuple[_TextChoice]
    usage: None = None
    error: None = None


_decoder = msgspec.json.Decoder(_Chunk)
_text_decoder = msgspec.json.Decoder(_TextChunk)


def decode(data: bytes) -> StreamChunk:
    """Decode one chunk. Raises ErrorChunk, and ValueError for data that is not a chunk."""
    chunk = decode_event(_decoder, data)
    if chunk.error or not chunk.choices:
        _raise_error(chunk, data)
    result = StreamChunk()
    if chunk.choices:
        choice = chunk.choices[0]
        result.finish_reason = choice.finish_reason or ""
        delta = choice.delta or choice.message
        if delta is not None:
            content = delta.content
            result.reasoning = delta.reasoning_content or delta.reasoning or ""
            if content:
                if isinstance(content, str):
                    result.text = content
                else:
                    result.text = "".join(part.text for part in content)
                    result.reasoning = "".join(map(_thinking, content)) or result.reasoning
            if delta.refusal:
                result.text += delta.refusal
            if delta.reasoning_details is not None:
                result.state = StatePiece(reasoning_details=delta.reasoning_details)
            elif delta.reasoning_content:
                result.state = RETURNS_REASONING
            elif delta.reasoning:
                result.state = NAMES_REASONING
            if delta.tool_calls:
                result.fragments = tuple(map(_fragment, delta.tool_calls))
    if chunk.usage is not None:
        result.tokens = _tokens(chunk.usage)
        result.done = not chunk.choices  # the usage of the whole answer, which comes last
    return result


def decode_texts(lines: bytes, count: int) -> StreamChunk | None:
    """Decode so many chunks, a line each, as one with all their text. None if one of them has something else besides."""
    try:
        chunks = _text_decoder.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if len(chunks) != count:
        return None
    return StreamChunk("".join([chunk.choices[0].delta.content or "" for chunk in chunks]))


def _raise_error(chunk: _Chunk, data: bytes) -> None:
    """Raise ErrorChunk for data that is an error, in one of the shapes that providers give it."""
    failed = chunk.base_resp is not None and chunk.base_resp.status_code not in (None, 0, "0")
    says_why = chunk.usage is None and chunk.code not in (0, "0") and (chunk.message or chunk.detail)
    if chunk.error or chunk.object == "error" or failed or says_why:
        raise ErrorChunk(read_words(data))


def _thinking(part: _Part) -> str:
    """The reasoning in a part of a content: Mistral sends it as parts of its own (docs.mistral.ai, capabilities/reasoning)."""
    thinking = part.thinking
    return "".join(one.text for one in thinking) if isinstance(thinking, list) else thinking or ""


def _fragment(call: _Call) -> ToolCallFragment:
    function = call.function
    if function is None:
        return ToolCallFragment(call.index, call.id)
    arguments = function.arguments
    return ToolCallFragment(
        call.index, call.id, function.name, json.dumps(arguments) if isinstance(arguments, dict) else arguments
    )


def _tokens(usage: _Usage) -> TokenCounts:
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens if details is not None else None) or usage.prompt_cache_hit_tokens or 0
    thought = usage.completion_tokens_details
    reasoning = (thought.reasoning_tokens if thought is not None else None) or 0
    sent, wrote = usage.prompt_tokens or 0, usage.completion_tokens or 0
    if reasoning and usage.total_tokens == sent + wrote + reasoning:
        wrote += reasoning  # xAI counts them apart (docs.x.ai, guides/reasoning)
    return TokenCounts(sent, wrote, cached, reasoning=reasoning)
