"""Iterated stream: reads a provider's stream through LiteLLM's iterator for it, without the wrapper around that.

The iterator makes chunks of the provider's events; the wrapper, which costs ten times as much, makes them again, counts tokens
and looks up prices. What it does beside that and is needed here, is done here.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from litellm.litellm_core_utils.core_helpers import map_finish_reason

from agent.models.error_mapping import ErrorMapper
from agent.models.streams.wrapped import Wrapper, close, plain_chunk
from agent.models.types import StreamChunk, TakeChunks, TokenCounts, ToolCallFragment


class IteratedStream:
    """A ProviderStream over the iterator of a LiteLLM stream."""

    def __init__(self, iterator: AsyncIterator[object], wrapper: Wrapper, errors: ErrorMapper) -> None:
        self._iterator = iterator
        self._chunks = aiter(iterator)
        self._wrapper = wrapper
        self._errors = errors
        self._has_finished = False

    async def read(self, take: TakeChunks | None = None) -> Sequence[StreamChunk] | None:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            return None
        except Exception as error:
            raise self._errors.from_reading(error) from error
        if chunk is None:
            return ()
        result = _generic(chunk) if isinstance(chunk, dict) else plain_chunk(chunk)
        if result.finish_reason:
            # [DONE] is a "stop" to these iterators; the reason came before it.
            result.finish_reason = "" if self._has_finished else map_finish_reason(result.finish_reason)
            self._has_finished = True
        return (result,)

    async def aclose(self) -> None:
        await close(self._wrapper)


def _generic(chunk: Mapping[str, Any]) -> StreamChunk:
    """The chunk of an iterator that gives LiteLLM's `GenericStreamingChunk`."""
    result = StreamChunk(text=chunk.get("text") or "")
    if chunk.get("is_finished"):
        result.finish_reason = chunk.get("finish_reason") or ""
    usage = chunk.get("usage")
    if isinstance(usage, Mapping):
        counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
        result.tokens = TokenCounts(*(one if isinstance(one, int) else 0 for one in counts))
    call = chunk.get("tool_use")
    if isinstance(call, Mapping):
        function = call.get("function") or {}
        arguments = function.get("arguments")
        result.fragments = (ToolCallFragment(call.get("index"), call.get("id"), function.get("name"), arguments),)
    return result
