"""OpenAI chunks: decodes chat completion chunks, as strictly as common servers allow. Pure."""

import json

import msgspec

from agent.models.types import RETURNS_REASONING, StatePiece, StreamChunk, TokenCounts, ToolCallFragment


class _Part(msgspec.Struct):
    text: str = ""


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
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None


class _Error(msgspec.Struct):
    message: str | None = None
    code: int | str | None = None
    type: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: _Error | str | None = None
    object: str | None = None
    message: str | None = None
    code: int | str | None = None


class ErrorChunk(Exception):
    """The provider sent an error in its stream."""

    def __init__(self, code: int | str | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


_decoder = msgspec.json.Decoder(_Chunk)


def decode(data: bytes) -> StreamChunk:
    """Decode one chunk. Raises ErrorChunk, and ValueError for data that is not a chunk."""
    try:
        chunk = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        chunk = _lenient(data)
    if chunk.error is not None or chunk.object == "error":
        raise _failure(chunk)
    result = StreamChunk()
    if chunk.choices:
        choice = chunk.choices[0]
        result.finish_reason = choice.finish_reason or ""
        delta = choice.delta
        if delta is not None:
            content = delta.content
            if content:
                result.text = content if isinstance(content, str) else "".join(part.text for part in content)
            result.reasoning = delta.reasoning_content or delta.reasoning or ""
            if delta.reasoning_details is not None:
                result.state = StatePiece(reasoning_details=delta.reasoning_details)
            elif delta.reasoning_content:
                result.state = RETURNS_REASONING
            if delta.tool_calls:
                result.fragments = tuple(map(_fragment, delta.tool_calls))
    if chunk.usage is not None:
        result.tokens = _tokens(chunk.usage)
    return result


def _lenient(data: bytes) -> _Chunk:
    """Decode what msgspec refuses and other clients accept: lone surrogates, invalid UTF-8, numbers as text."""
    try:
        return msgspec.convert(json.loads(data.decode("utf-8", "replace")), _Chunk, strict=False)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _failure(chunk: _Chunk) -> ErrorChunk:
    error = chunk.error
    if isinstance(error, _Error):
        return ErrorChunk(error.code if error.code is not None else error.type, error.message or error.type or "")
    return ErrorChunk(chunk.code, error or chunk.message or "")


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
    return TokenCounts(usage.prompt_tokens or 0, usage.completion_tokens or 0, cached)
