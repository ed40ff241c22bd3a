"""A provider's stream read through LiteLLM's own wrapper: every provider, at some 200-400 us a chunk."""

from collections.abc import Sequence
from typing import Protocol

from agent.models.error_mapping import ErrorMapper
from agent.models.types import StreamChunk, TokenCounts, ToolCallFragment


class Wrapper(Protocol):
    """What is used of litellm.CustomStreamWrapper."""

    chunks: Sequence[object]

    async def __anext__(self) -> object: ...
    async def aclose(self) -> None: ...


class WrappedStream:
    def __init__(self, wrapper: Wrapper, errors: ErrorMapper) -> None:
        self._wrapper = wrapper
        self._errors = errors

    async def read(self) -> Sequence[StreamChunk] | None:
        try:
            chunk = await self._wrapper.__anext__()
        except StopAsyncIteration:
            return None
        except Exception as error:
            raise self._errors.from_reading(error) from error
        return (self._piece(chunk),)

    async def aclose(self) -> None:
        await self._wrapper.aclose()

    def _piece(self, chunk: object) -> StreamChunk:
        piece = StreamChunk()
        usage = getattr(chunk, "usage", None)
        if usage is not None and self._usage_was_told():
            piece.tokens = token_counts(usage)
        choices = getattr(chunk, "choices", None)
        if choices:
            delta = choices[0].delta
            piece.text = getattr(delta, "content", None) or ""
            piece.reasoning = getattr(delta, "reasoning_content", None) or ""
            piece.fragments = tuple(_fragment(call) for call in getattr(delta, "tool_calls", None) or ())
            if choices[0].finish_reason and self._finish_was_told():
                piece.finish_reason = choices[0].finish_reason
        return piece

    def _finish_was_told(self) -> bool:
        """The wrapper makes up a "stop" at the end of a stream that ended without a finish reason."""
        wrapper = self._wrapper
        told = getattr(wrapper, "received_finish_reason", "") or getattr(wrapper, "intermittent_finish_reason", "")
        return bool(told)

    def _usage_was_told(self) -> bool:
        """The wrapper counts tokens by itself when the provider told none."""
        return any(getattr(chunk, "usage", None) is not None for chunk in self._wrapper.chunks)


def token_counts(usage: object) -> TokenCounts:
    """From LiteLLM's usage object; cached tokens lie in its details or beside them."""
    details = getattr(usage, "prompt_tokens_details", None)
    return TokenCounts(
        input=_int(usage, "prompt_tokens"),
        output=_int(usage, "completion_tokens"),
        cache_read=_int(details, "cached_tokens") or _int(usage, "cache_read_input_tokens"),
        cache_write=_int(details, "cache_creation_tokens") or _int(usage, "cache_creation_input_tokens"),
    )


def _int(holder: object, name: str) -> int:
    value = getattr(holder, name, None)
    return value if isinstance(value, int) and value > 0 else 0


def _fragment(call: object) -> ToolCallFragment:
    function = getattr(call, "function", None)
    return ToolCallFragment(
        getattr(call, "index", None),
        getattr(call, "id", None),
        getattr(function, "name", None),
        getattr(function, "arguments", None),
    )
