"""Wrapped stream: reads any provider's stream through LiteLLM's wrapper, in 200 to 400 us a chunk."""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import openai
from litellm.litellm_core_utils.prompt_templates.factory import THOUGHT_SIGNATURE_SEPARATOR
from litellm.llms.ollama.common_utils import OllamaModelInfo

from agent.models.error_mapping import ErrorMapper
from agent.models.types import RETURNS_REASONING, StatePiece, StreamChunk, TakeChunks, TokenCounts, ToolCallFragment

_NONE: Mapping[str, Any] = {}


def ask_for_no_price() -> None:
    """Have LiteLLM take every model of Ollama's for free. Else it asks the server for the model's description when a stream
    has ended, and blocks the event loop for it."""
    info: Any = OllamaModelInfo
    info.get_runtime_model_info = _free


def _free(info: OllamaModelInfo, model: str, api_base: str | None = None, api_key: str | None = None) -> dict[str, Any]:
    prices = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
    limits = dict.fromkeys(("max_tokens", "max_input_tokens", "max_output_tokens"))
    return {"key": model, "litellm_provider": "ollama", "mode": "chat", **prices, **limits}


class Wrapper(Protocol):
    """The part of litellm.CustomStreamWrapper that is used."""

    chunks: Sequence[object]

    async def __anext__(self) -> object: ...
    async def aclose(self) -> None: ...


class StreamTap:
    """A provider's stream as LiteLLM's wrapper iterates over it. It notes what the wrapper leaves out.

    The reasoning details of all chunks: a chunk that holds nothing else, such as a signature, is dropped. And the [DONE] behind the
    last chunk (`done`), which the OpenAI client takes out.
    """

    def __init__(self, chunks: AsyncIterable[object]) -> None:
        self.done = False
        self._chunks = chunks
        self._next: Callable[[], Awaitable[object]] | None = None
        self._details: list[object] = []
        if isinstance(chunks, openai.AsyncStream):
            decoder: Any = chunks._decoder  # private, and the only place that sees [DONE]
            self._decode = decoder.decode
            decoder.decode = self._decoded

    def __aiter__(self) -> "StreamTap":
        if self._next is None:
            self._next = aiter(self._chunks).__anext__
        return self

    async def __anext__(self) -> object:
        assert self._next is not None
        chunk = await self._next()
        choices = getattr(chunk, "__dict__", _NONE).get("choices")
        details = _field(choices[0].delta, "reasoning_details") if choices else None
        if isinstance(details, list):
            self._details += details
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chunks, name)

    def _decoded(self, line: str) -> Any:
        event = self._decode(line)
        if event is not None and event.data.startswith("[DONE]"):
            self.done = True
        return event

    def take(self) -> list[object]:
        """The details since the last time."""
        if not self._details:
            return []
        taken, self._details = self._details, []
        return taken


class WrappedStream:
    """A ProviderStream over LiteLLM's wrapper. `returns_reasoning`: the provider wants the text of the reasoning back."""

    def __init__(self, wrapper: Wrapper, errors: ErrorMapper, *, returns_reasoning: bool = False) -> None:
        self._wrapper = wrapper
        self._errors = errors
        self._returns_reasoning = returns_reasoning
        self._tap: StreamTap | None = None
        inner: Any = getattr(wrapper, "completion_stream", None)
        if hasattr(inner, "__aiter__"):
            self._tap = StreamTap(inner)
            wrapper.completion_stream = self._tap  # type: ignore[attr-defined]  # found above

    async def read(self, take: TakeChunks | None = None) -> Sequence[StreamChunk] | None:
        try:
            chunk = await self._wrapper.__anext__()
        except StopAsyncIteration:
            details = self._tap.take() if self._tap is not None else []
            return (StreamChunk(state=StatePiece(reasoning_details=details)),) if details else None
        except Exception as error:
            raise self._errors.from_reading(error) from error
        return (self._chunk(chunk),)

    async def aclose(self) -> None:
        await close(self._wrapper)

    def _chunk(self, chunk: object) -> StreamChunk:
        result = plain_chunk(chunk)
        if self._tap is not None:
            details = self._tap.take() or None
            if result.state is not None:
                result.state.reasoning_details = details
            elif details:
                result.state = StatePiece(reasoning_details=details)
        if result.reasoning and self._returns_reasoning:
            result.state = RETURNS_REASONING
        if result.tokens is not None and not self._has_usage():
            result.tokens = None
        if result.finish_reason and not self._has_finish_reason():
            result.finish_reason = ""
        result.done = self._is_over()
        return result

    def _has_finish_reason(self) -> bool:
        """Whether the provider sent one: the wrapper invents a "stop" for a stream that ended without."""
        wrapper = self._wrapper
        reason = getattr(wrapper, "received_finish_reason", "") or getattr(wrapper, "intermittent_finish_reason", "")
        return bool(reason)

    def _is_over(self) -> bool:
        """Whether the provider sent [DONE], or the usage of the whole answer, which comes last and alone."""
        if self._tap is not None and self._tap.done:
            return True
        last = self._wrapper.chunks[-1] if self._wrapper.chunks else None
        return _field(last, "usage") is not None and not _says_something(last)

    def _has_usage(self) -> bool:
        """Whether the provider sent one: otherwise the wrapper counts tokens itself."""
        chunks = reversed(self._wrapper.chunks)  # one of the last has it
        return any(_field(chunk, "usage") is not None for chunk in chunks)


async def close(wrapper: Wrapper) -> None:
    """Close the wrapper, and the response below it: not every provider's iterator does that."""
    inner = getattr(wrapper, "completion_stream", None)
    try:
        await wrapper.aclose()
    finally:
        for name in ("streaming_response", "http_response", "response"):
            below = getattr(inner, name, None)
            if below is not None and hasattr(below, "aclose"):
                await below.aclose()


def plain_chunk(chunk: object) -> StreamChunk:
    """What LiteLLM's `ModelResponseStream` holds."""
    result = StreamChunk()
    usage = _field(chunk, "usage")
    if usage is not None:
        result.tokens = token_counts(usage)
    choices = getattr(chunk, "__dict__", _NONE).get("choices")
    if choices:
        delta = _fields(choices[0].delta)
        result.text = delta.get("content") or ""
        result.reasoning = delta.get("reasoning_content") or ""
        calls = delta.get("tool_calls")
        if calls:
            result.fragments = tuple(_fragment(call) for call in calls)
        result.state = _state_piece(delta)
        result.finish_reason = choices[0].finish_reason or ""
    return result


def _field(model: object, name: str) -> Any:
    """What a pydantic model holds under this name, declared or not: to ask it for an attribute that it lacks takes 5 us."""
    declared: Mapping[str, Any] = getattr(model, "__dict__", _NONE)
    if name in declared:
        return declared[name]
    extra: Mapping[str, Any] | None = getattr(model, "__pydantic_extra__", None)
    return extra.get(name) if extra else None


def _fields(model: object) -> Mapping[str, Any]:
    """All that a pydantic model holds, declared or not."""
    declared: Mapping[str, Any] = getattr(model, "__dict__", _NONE)
    extra = getattr(model, "__pydantic_extra__", None)
    return {**declared, **extra} if extra else declared


def _says_something(chunk: object) -> bool:
    """Whether a chunk has a part of the answer. The wrapper gives a choice to a chunk that came without one."""
    delta = getattr(next(iter(getattr(chunk, "choices", None) or ()), None), "delta", None)
    return any(getattr(delta, name, None) for name in ("content", "reasoning_content", "tool_calls"))


def token_counts(usage: object) -> TokenCounts:
    """The counts in LiteLLM's usage object; cached tokens are in its details or beside them."""
    details = getattr(usage, "prompt_tokens_details", None)
    return TokenCounts(
        input=_int(usage, "prompt_tokens"),
        output=_int(usage, "completion_tokens"),
        cache_read=_int(details, "cached_tokens") or _int(usage, "cache_read_input_tokens"),
        cache_write=_int(details, "cache_creation_tokens") or _int(usage, "cache_creation_input_tokens"),
        reasoning=_int(getattr(usage, "completion_tokens_details", None), "reasoning_tokens"),
    )


def _int(holder: object, name: str) -> int:
    value = getattr(holder, name, None)
    return value if isinstance(value, int) and value > 0 else 0


def _state_piece(delta: Mapping[str, Any]) -> StatePiece | None:
    """The provider state in the fields of a delta, under LiteLLM's names."""
    fields = delta.get("provider_specific_fields")
    signatures = fields.get("thought_signatures") if isinstance(fields, dict) else None
    thinking, items = delta.get("thinking_blocks"), delta.get("reasoning_items")
    details = delta.get("reasoning_details")
    return StatePiece(thinking, details, items, signatures) if thinking or details or items or signatures else None


def _fragment(call: object) -> ToolCallFragment:
    """A part of a call. LiteLLM puts a signature of Gemini into the call's id, too: it is taken out, since ids are shown."""
    function = getattr(call, "function", None)
    fields = getattr(call, "provider_specific_fields", None)
    signature = fields.get("thought_signature") if isinstance(fields, dict) else None
    call_id = getattr(call, "id", None)
    if isinstance(signature, str) and isinstance(call_id, str):
        call_id = call_id.removesuffix(f"{THOUGHT_SIGNATURE_SEPARATOR}{signature}")
    return ToolCallFragment(
        getattr(call, "index", None),
        call_id,
        getattr(function, "name", None),
        getattr(function, "arguments", None),
        signature if isinstance(signature, str) else "",
    )
