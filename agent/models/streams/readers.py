"""Stream readers: which of LiteLLM's streams are read directly from their HTTP response, and by which decoder."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import httpx
import openai
from litellm.llms.cometapi.chat.transformation import CometAPIChatCompletionStreamingHandler
from litellm.llms.edenai.chat.transformation import EdenAIChatCompletionStreamingHandler
from litellm.llms.fireworks_ai.chat.transformation import FireworksAIChatCompletionStreamingHandler
from litellm.llms.groq.chat.transformation import GroqChatCompletionStreamingHandler
from litellm.llms.mistral.chat.transformation import MistralChatResponseIterator
from litellm.llms.openai.chat.gpt_transformation import OpenAIChatCompletionStreamingHandler
from litellm.llms.openai.openai import OpenAIChatCompletionResponseIterator
from litellm.llms.openrouter.chat.transformation import OpenRouterChatCompletionStreamingHandler
from litellm.llms.xai.chat.transformation import XAIChatCompletionStreamingHandler
from openai.types.chat import ChatCompletionChunk

from agent.models.streams import openai_chunks
from agent.models.streams.decoding import Decode


class Body(NamedTuple):
    """The body of an answer, of which nothing has been read, and what decodes its events."""

    response: httpx.Response
    decode: Decode


def body_of(wrapper: object) -> Body | None:
    """The body of a LiteLLM stream; None if the stream is read through LiteLLM's wrapper.

    Exact types only: another subclass is a provider with a dialect of its own.
    """
    inner = getattr(wrapper, "completion_stream", None)
    find = _BODIES.get(type(inner))
    body = find(inner) if find is not None else None
    if body is None or not isinstance(body.response, httpx.Response):
        return None
    return None if body.response.is_stream_consumed or body.response.is_closed else body


def _of_client(stream: Any) -> Body | None:
    """Of the OpenAI client."""
    is_chat = getattr(stream, "_cast_to", None) is ChatCompletionChunk
    return Body(stream.response, openai_chunks.decode) if is_chat else None


def _of_chat(stream: Any) -> Body | None:
    """Of LiteLLM's readers of bodies that are OpenAI's events. What some have beside these, `openai_chunks` reads."""
    return Body(stream.http_response, openai_chunks.decode)


_BODIES: Final[Mapping[type, Callable[[Any], Body | None]]] = {
    openai.AsyncStream: _of_client,
    CometAPIChatCompletionStreamingHandler: _of_chat,
    EdenAIChatCompletionStreamingHandler: _of_chat,
    FireworksAIChatCompletionStreamingHandler: _of_chat,
    GroqChatCompletionStreamingHandler: _of_chat,
    MistralChatResponseIterator: _of_chat,
    OpenAIChatCompletionResponseIterator: _of_chat,
    OpenAIChatCompletionStreamingHandler: _of_chat,
    OpenRouterChatCompletionStreamingHandler: _of_chat,
    XAIChatCompletionStreamingHandler: _of_chat,
}
"""By the type of LiteLLM's reader."""
