"""Ollama lines: decodes the lines of `/api/chat`, each a JSON object (docs.ollama.com, api/chat). Pure."""

import json
from typing import Any, Final

import msgspec

from agent.models.provider_errors.words import read_words
from agent.models.streams.decoding import ErrorChunk, LastChunk, decode_event
from agent.models.types import RETURNS_REASONING, StreamChunk, TokenCounts, ToolCallFragment


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class _Call(msgspec.Struct):
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct):
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None


_decoder: Final = msgspec.json.Decoder(_Line)


class OllamaDecoder:
    """Decodes one stream. It counts the calls, which come whole: they have no place, and no reason to finish of their own."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, data: bytes) -> StreamChunk | None:
        """As `Decode`."""
        line = decode_event(_decoder, data)
        if line.error:
            raise ErrorChunk(read_words(data))
        message = line.message
        if message is None and not line.done:
            raise ValueError("a line without a message")
        result = LastChunk(done=True) if line.done else StreamChunk()
        if message is not None:
            result.text = message.content or ""
            if message.thinking:
                result.reasoning = message.thinking
                result.state = RETURNS_REASONING
            if message.tool_calls:
                result.fragments = tuple(map(self._fragment, message.tool_calls))
        if line.done:
            reason = line.done_reason or "stop"
            result.finish_reason = "tool_calls" if self._calls and reason == "stop" else reason
            if line.eval_count is not None or line.prompt_eval_count is not None:
                result.tokens = TokenCounts(line.prompt_eval_count or 0, line.eval_count or 0)
        return result

    def _fragment(self, call: _Call) -> ToolCallFragment:
        place, self._calls = self._calls, self._calls + 1
        function = call.function or _Function()
        given = function.arguments
        arguments = given if isinstance(given, str) else json.dumps({} if given is None else given, ensure_ascii=False)
        return ToolCallFragment(place, call.id, function.name, arguments)
