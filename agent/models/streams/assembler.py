"""Response assembler: passes the text of a stream's chunks to the sink and builds the reply at the end."""

import json
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from agent.models.calls.counting import Answered
from agent.models.errors import ModelErrorCode, model_error
from agent.models.provider_state import StateCollector
from agent.models.types import (
    DeltaKind,
    ModelReply,
    ModelUsage,
    RawToolCall,
    Sink,
    StreamChunk,
    TextSink,
    TokenCounts,
    ToolCallFragment,
)
from agent.util.text import SurrogateRepair, repair_surrogates

_FINISH = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "refusal": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "insufficient_system_resource": "overloaded",
    "error": "error",
    "abort": "error",
    "network_error": "error",
    "malformed_function_call": "error",
}
"""Finish reasons in the words of OpenAI, by those of other providers, in lower case."""

OUTPUT_CHARS_MAX = 1_000_000
"""Code points of text, reasoning and tool calls in one answer; then the call fails. No model's longest answer has as many."""


class _Call(msgspec.Struct):
    id: str = ""
    name: str = ""
    arguments: list[str] = []
    signature: str = ""


class ResponseAssembler:
    """Builds one answer. `started` is set by the first token: text, reasoning or a part of a tool call."""

    def __init__(self, model: str, sink: Sink, max_chars: int) -> None:
        self._model = model
        self._sink = sink
        self._text_sink = sink if isinstance(sink, TextSink) else None
        self._max_chars = max_chars
        self._chars = 0
        self._repairs: dict[DeltaKind, SurrogateRepair] = {"text": SurrogateRepair(), "reasoning": SurrogateRepair()}
        self._calls: list[_Call] = []
        self._text_chars = 0
        self._by_index: dict[int, _Call] = {}
        self._state = StateCollector(model)
        self.started = False
        self.finish_reason = ""
        self.done = False
        self.tokens: TokenCounts | None = None
        self.answered = Answered()

    async def feed(self, chunks: Iterable[StreamChunk]) -> None:
        """Pass the chunks' text to the sink. Text of one kind that came together is passed at once.

        Raises ModelError (model_output_too_large), and what the sink raises.
        """
        for kind, text in self._texts(chunks):
            if text:
                await self._sink(kind, text)

    def take(self, chunks: Sequence[StreamChunk]) -> bool:
        """The same without waiting. False, and nothing is passed, if the sink might wait. Raises as `feed`."""
        sink = self._text_sink
        if sink is None or not sink.has_room:
            return False
        if len(chunks) == 1 and _is_text_alone(chunks[0]):
            texts: Iterable[tuple[DeltaKind, str]] = (("text", self._complete("text", chunks[0].text)),)
        else:
            texts = self._texts(chunks)
        for kind, text in texts:
            if text:
                sink.put(kind, text)
        return True

    def _texts(self, chunks: Iterable[StreamChunk]) -> Iterator[tuple[DeltaKind, str]]:
        """What is to be passed of these chunks, perhaps empty; the rest of them goes into the reply. Raises as `feed`."""
        kind: DeltaKind = "text"
        texts: list[str] = []
        for chunk in chunks:
            if chunk.reasoning:
                if kind != "reasoning" and texts:
                    yield kind, self._complete(kind, "".join(texts))
                    texts = []
                kind = "reasoning"
                texts.append(chunk.reasoning)
            if chunk.text:
                if kind != "text" and texts:
                    yield kind, self._complete(kind, "".join(texts))
                    texts = []
                kind = "text"
                texts.append(chunk.text)
            for fragment in chunk.fragments:
                self._add_fragment(fragment)
            if chunk.finish_reason:
                self.finish_reason = _FINISH.get(chunk.finish_reason.lower(), chunk.finish_reason)
            if chunk.done:
                self.done = True
            if chunk.tokens is not None:
                self.tokens = chunk.tokens
            if chunk.state is not None:
                state = chunk.state
                is_end = chunk.done or chunk.finish_reason  # what comes only then stands before the text and the calls
                if (state.thinking_blocks or state.reasoning_items) and not is_end:
                    before = self._text_chars + (sum(map(len, texts)) if kind == "text" else 0)
                    self._state.add(state, (before, len(self._calls)))
                else:
                    self._state.add(state)
        if texts:
            yield kind, self._complete(kind, "".join(texts))

    async def end(self) -> None:
        """The stream is over: text that was held back goes to the sink.

        Raises ModelError if that was no end: the provider gave neither a reason to finish nor another sign of one, or the
        reason is a failure.
        """
        if not self.finish_reason and self.done and self.started:
            self.finish_reason = "tool_calls" if self._calls else "stop"
        if not self.finish_reason:
            if self.started:
                raise model_error("model_stream_cut", self._model, because="its stream ended without a finish reason")
            raise model_error("model_no_answer", self._model, because="its stream was empty")
        if self.finish_reason in ("error", "overloaded"):
            code: ModelErrorCode = "model_overloaded" if self.finish_reason == "overloaded" else "model_bad_response"
            raise model_error(code, self._model, what="failed", because="its finish reason is an error")
        for kind, repair in self._repairs.items():
            rest = repair.flush()
            if rest:
                self._text_chars += len(rest) if kind == "text" else 0
                await self._sink(kind, rest)

    def reply(self, usage: ModelUsage | None, source: str = "") -> ModelReply:
        """The reply, once the stream has ended. `source`: of the provider state, see `Provider.source`."""
        calls = tuple(
            RawToolCall(
                repair_surrogates(call.id), repair_surrogates(call.name), repair_surrogates("".join(call.arguments))
            )
            for call in self._calls
        )
        signatures = {place: call.signature for place, call in enumerate(self._calls) if call.signature}
        return ModelReply(calls, self.finish_reason, usage, self._state.encoded(source, signatures, self._text_chars))

    def _complete(self, kind: DeltaKind, text: str) -> str:
        """What is complete with this text; half a character is held back."""
        self.started = True
        size = len(text)
        self._count(size)
        if not text.isascii():
            size = len(text.encode("utf-8", "replace"))
        complete = self._repairs[kind].push(text)
        if kind == "reasoning":
            self.answered.reasoning += size
        else:
            self.answered.shown += size
            self._text_chars += len(complete)
        return complete

    def _add_fragment(self, fragment: ToolCallFragment) -> None:
        self.started = True
        call = self._call_of(fragment)
        if fragment.id and not call.id:
            call.id = fragment.id
            self._count(len(fragment.id))
        if fragment.name and not call.name:
            call.name = fragment.name
            self._count(len(fragment.name))
        if fragment.signature and not call.signature:
            call.signature = fragment.signature
            self._count(len(fragment.signature))
        if fragment.arguments:
            call.arguments.append(fragment.arguments)
            self.answered.shown += len(fragment.arguments)
            self._count(len(fragment.arguments))

    def _call_of(self, fragment: ToolCallFragment) -> _Call:
        """The call that a fragment belongs to.

        By its index; but some providers give every call of a message the index 0, and some give none: then a
        fragment with a new id and a name begins a new call, as does one with a name where the arguments are whole.
        """
        if fragment.index is None:
            known = self._calls[-1] if self._calls else None
        else:
            known = self._by_index.get(fragment.index)
        if known is None or (fragment.name and known.name and _begins(fragment, known)):
            known = _Call()
            self._calls.append(known)
            self._count(1)
            if fragment.index is not None:
                self._by_index[fragment.index] = known
        return known

    def _count(self, chars: int) -> None:
        self._chars += chars
        if self._chars > self._max_chars:
            raise model_error(
                "model_output_too_large",
                self._model,
                because=f"more than {self._max_chars:,} characters",
                retryable=False,
            )


def _is_text_alone(chunk: StreamChunk) -> bool:
    """As nearly all chunks are."""
    return bool(chunk.text) and not (
        chunk.reasoning
        or chunk.fragments
        or chunk.finish_reason
        or chunk.done
        or chunk.tokens is not None
        or chunk.state is not None
    )


def _begins(fragment: ToolCallFragment, known: _Call) -> bool:
    """Whether a fragment with a name is of another call than the one before it."""
    if fragment.id and known.id:
        return fragment.id != known.id
    try:
        json.loads("".join(known.arguments))
    except (ValueError, RecursionError):
        return False
    return True
