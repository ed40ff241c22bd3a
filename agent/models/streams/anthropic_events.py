"""Anthropic events: decodes the events of Anthropic's Messages API (platform.claude.com, build-with-claude/streaming)."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from agent.models.provider_errors.words import read_words
from agent.models.streams.decoding import ErrorChunk, Kind, LastChunk, counts_as, decode_event
from agent.models.types import StatePiece, StreamChunk, TokenCounts, ToolCallFragment


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Counts(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Usage(_Counts):
    iterations: list[_Counts] | None = None


class _Message(msgspec.Struct):
    usage: Any = None


class _Block(msgspec.Struct):
    type: str = ""
    id: str | None = None
    name: str | None = None
    input: Any = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _Delta(msgspec.Struct):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Any = None


class _Kinds(Kind):
    delta: Kind | None = None
    content_block: Kind | None = None


_decoder: Final = msgspec.json.Decoder(_Event)
_kinds: Final = msgspec.json.Decoder(_Kinds)
_KNOWN: Final = frozenset({"content_block_start", "content_block_delta", "message_start", "message_delta", "error"})
_KNOWN_PARTS: Final = frozenset(
    {"text", "thinking", "redacted_thinking", "tool_use"}
    | {"text_delta", "thinking_delta", "signature_delta", "input_json_delta"}
)


class AnthropicDecoder:
    """Decodes one stream, in which each block of the content ends before the next begins.

    `tool_names`: the names of tools by those that LiteLLM sent in their place.
    """

    def __init__(self, tool_names: Mapping[str, str]) -> None:
        self._tool_names = tool_names
        self._calls = 0
        self._call: int | None = None
        self._whole_input = ""
        self._thinking: list[str] = []
        self._usage = _Usage()

    def __call__(self, data: bytes) -> StreamChunk | None:
        """As `Decode`."""
        try:
            event = decode_event(_decoder, data)
        except ValueError:
            if _is_known(data):
                raise
            return None
        kind = event.type
        if kind == "content_block_delta":
            return self._continue(event.delta) if event.delta is not None else None
        if kind == "content_block_start":
            return self._begin(event.content_block or _Block())
        if kind == "content_block_stop":
            return self._end()
        if kind == "message_delta":
            reason = event.delta.stop_reason if event.delta is not None else None
            return StreamChunk(finish_reason=reason or "", tokens=self._count(event.usage))
        if kind == "message_start":
            return StreamChunk(tokens=self._count(event.message.usage if event.message is not None else None))
        if kind == "message_stop":
            return LastChunk(done=True)
        if kind == "error":
            raise ErrorChunk(read_words(data))
        if not kind:
            raise ValueError("an event without a type")
        return None  # a ping; or an event of a later version, which is ignored, as the documents ask for

    def _begin(self, block: _Block) -> StreamChunk | None:
        """A block begins; what it holds already counts as its first piece."""
        self._call, self._whole_input, self._thinking = None, "", []
        if block.type == "tool_use":
            self._call = self._calls
            self._calls += 1
            # Some servers that imitate this API send no pieces.
            self._whole_input = json.dumps(block.input) if isinstance(block.input, dict) else ""
            name = self._tool_names.get(block.name or "", block.name)
            return StreamChunk(fragments=(ToolCallFragment(self._call, block.id, name),))
        if block.type == "redacted_thinking":
            part = {"type": "redacted_thinking", "data": block.data}
            return StreamChunk(state=StatePiece(thinking_blocks=[part]))
        return self._continue(_Delta(block.text, block.thinking, signature=block.signature))

    def _continue(self, delta: _Delta) -> StreamChunk | None:
        if delta.text:
            return StreamChunk(delta.text)
        if delta.partial_json:
            # Pieces of a block that is no call of ours are of a tool that the provider runs itself.
            if self._call is None:
                return None
            self._whole_input = ""
            return StreamChunk(fragments=(ToolCallFragment(self._call, arguments=delta.partial_json),))
        if delta.thinking:
            self._thinking.append(delta.thinking)
        if delta.signature:
            part = {"type": "thinking", "thinking": "".join(self._thinking), "signature": delta.signature}
            self._thinking = []
            return StreamChunk(reasoning=delta.thinking or "", state=StatePiece(thinking_blocks=[part]))
        return StreamChunk(reasoning=delta.thinking) if delta.thinking else None

    def _end(self) -> StreamChunk | None:
        """A block ends; a call without arguments has an empty object of them."""
        call, arguments = self._call, self._whole_input
        self._call, self._whole_input = None, ""
        return (
            StreamChunk(fragments=(ToolCallFragment(call, arguments=arguments),))
            if call is not None and arguments
            else None
        )

    def _count(self, counts: object) -> TokenCounts | None:
        """The counts so far: each event's are of the whole message, and may lack what an earlier one had."""
        usage = counts_as(_Usage, counts)
        if usage is None:
            return None
        known = self._usage
        for name in _Usage.__struct_fields__:
            value = getattr(usage, name)
            if value is not None:
                setattr(known, name, value)
        return _sum(known.iterations or (known,))


def _is_known(data: bytes) -> bool:
    """Whether data that could not be decoded is to be an event that is read here."""
    event = decode_event(_kinds, data)
    part = event.delta or event.content_block
    return not event.type or (event.type in _KNOWN and (part is None or not part.type or part.type in _KNOWN_PARTS))


def _sum(counts: Iterable[_Counts]) -> TokenCounts:
    """The counts of all that the provider did for the message. Its input is what is neither read from nor written to the cache."""
    result = TokenCounts()
    for one in counts:
        read, written = one.cache_read_input_tokens or 0, one.cache_creation_input_tokens or 0
        result.input += (one.input_tokens or 0) + read + written
        result.output += one.output_tokens or 0
        result.cache_read += read
        result.cache_write += written
        if one.output_tokens_details is not None:
            result.reasoning += one.output_tokens_details.thinking_tokens or 0
    return result
