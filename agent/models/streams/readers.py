"""Stream readers: which of LiteLLM's streams are read directly from their HTTP response, by which decoder, and which by
LiteLLM's iterator."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, NamedTuple

import httpx
import openai
from litellm.completion_extras.litellm_responses_transformation.transformation import (
    OpenAiResponsesToChatCompletionStreamIterator,
)
from litellm.llms.a2a.chat.streaming_iterator import A2AModelResponseIterator
from litellm.llms.anthropic.chat.handler import ModelResponseIterator as AnthropicIterator
from litellm.llms.bedrock.chat.invoke_handler import AWSEventStreamDecoder
from litellm.llms.cohere.common_utils import CohereV2ModelResponseIterator
from litellm.llms.cometapi.chat.transformation import CometAPIChatCompletionStreamingHandler
from litellm.llms.databricks.chat.transformation import DatabricksChatResponseIterator
from litellm.llms.databricks.streaming_utils import ModelResponseIterator as OpenAILikeIterator
from litellm.llms.edenai.chat.transformation import EdenAIChatCompletionStreamingHandler
from litellm.llms.fireworks_ai.chat.transformation import FireworksAIChatCompletionStreamingHandler
from litellm.llms.groq.chat.transformation import GroqChatCompletionStreamingHandler
from litellm.llms.langgraph.chat.sse_iterator import LangGraphSSEStreamIterator
from litellm.llms.mistral.chat.transformation import MistralChatResponseIterator
from litellm.llms.ollama.chat.transformation import OllamaChatCompletionResponseIterator
from litellm.llms.openai.chat.gpt_transformation import OpenAIChatCompletionStreamingHandler
from litellm.llms.openai.openai import OpenAIChatCompletionResponseIterator
from litellm.llms.openrouter.chat.transformation import OpenRouterChatCompletionStreamingHandler
from litellm.llms.snowflake.chat.transformation import SnowflakeStreamingHandler
from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import ModelResponseIterator as GeminiIterator
from litellm.llms.xai.chat.transformation import XAIChatCompletionStreamingHandler
from litellm.responses.streaming_iterator import ResponsesAPIStreamingIterator
from openai.types.chat import ChatCompletionChunk

from agent.models.guarded_transport import EventLines
from agent.models.streams import cohere_events, openai_chunks
from agent.models.streams.anthropic_events import AnthropicDecoder
from agent.models.streams.decoding import Decode
from agent.models.streams.gemini_chunks import GeminiDecoder
from agent.models.streams.ollama_lines import OllamaDecoder
from agent.models.streams.responses_events import ResponsesDecoder


class Body(NamedTuple):
    """The body of an answer, of which nothing has been read, and what decodes its events. `lines`: each line of it is one,
    instead of server-sent events."""

    response: httpx.Response
    decode: Decode
    lines: bool = False


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


def iterator_of(wrapper: object) -> AsyncIterator[object] | None:
    """The iterator of a LiteLLM stream if it is read without the wrapper, else None."""
    inner: Any = getattr(wrapper, "completion_stream", None)
    made_by_generator = getattr(inner, "ag_code", None) is AWSEventStreamDecoder.aiter_bytes.__code__
    return inner if type(inner) in _ITERATED or made_by_generator else None


def _of_client(stream: Any) -> Body | None:
    """Of the OpenAI client."""
    is_chat = getattr(stream, "_cast_to", None) is ChatCompletionChunk
    return Body(stream.response, openai_chunks.decode) if is_chat else None


def _of_chat(stream: Any) -> Body | None:
    """Of LiteLLM's readers of bodies that are OpenAI's events. What some have beside these, `openai_chunks` reads."""
    return Body(stream.http_response, openai_chunks.decode)


def _of_openai_like(stream: Any) -> Body | None:
    """Of LiteLLM's reader of OpenAI's events at watsonx and the like."""
    lines = stream.streaming_response
    return Body(lines.response, openai_chunks.decode) if isinstance(lines, EventLines) else None


def _of_anthropic(stream: Any) -> Body | None:
    """Of Anthropic's Messages API, also at the clouds that serve it. In JSON mode LiteLLM makes text of a tool's call."""
    lines = stream.streaming_response
    if stream.json_mode or not isinstance(lines, EventLines):
        return None
    return Body(lines.response, AnthropicDecoder(stream.tool_name_reverse_map))


def _of_responses(stream: Any) -> Body | None:
    """Of OpenAI's Responses API, to which LiteLLM takes the calls of some models over a bridge."""
    inner = stream.streaming_response
    return Body(inner.response, ResponsesDecoder()) if type(inner) is ResponsesAPIStreamingIterator else None


def _of_gemini(stream: Any) -> Body | None:
    """Of Gemini, at Google's AI Studio and at its cloud."""
    return Body(stream.response, GeminiDecoder())


def _of_ollama(stream: Any) -> Body | None:
    """Of Ollama's own API."""
    return Body(stream.http_response, OllamaDecoder(), lines=True)


def _of_cohere(stream: Any) -> Body | None:
    """Of Cohere, which sends events or lines, as it likes."""
    lines = stream.streaming_response
    if not isinstance(lines, EventLines):
        return None
    kind = lines.response.headers.get("content-type", "")
    return Body(lines.response, cohere_events.decode, lines=not kind.startswith("text/event-stream"))


_BODIES: Final[Mapping[type, Callable[[Any], Body | None]]] = {
    openai.AsyncStream: _of_client,
    CohereV2ModelResponseIterator: _of_cohere,
    CometAPIChatCompletionStreamingHandler: _of_chat,
    EdenAIChatCompletionStreamingHandler: _of_chat,
    AnthropicIterator: _of_anthropic,
    FireworksAIChatCompletionStreamingHandler: _of_chat,
    GeminiIterator: _of_gemini,
    GroqChatCompletionStreamingHandler: _of_chat,
    MistralChatResponseIterator: _of_chat,
    OllamaChatCompletionResponseIterator: _of_ollama,
    OpenAIChatCompletionResponseIterator: _of_chat,
    OpenAIChatCompletionStreamingHandler: _of_chat,
    OpenAiResponsesToChatCompletionStreamIterator: _of_responses,
    OpenAILikeIterator: _of_openai_like,
    OpenRouterChatCompletionStreamingHandler: _of_chat,
    XAIChatCompletionStreamingHandler: _of_chat,
}
"""By the type of LiteLLM's reader."""

_ITERATED: Final = frozenset(
    {
        A2AModelResponseIterator,
        DatabricksChatResponseIterator,
        LangGraphSSEStreamIterator,
        SnowflakeStreamingHandler,
    }
)
"""LiteLLM's readers that make chunks without the help of its wrapper, beside Bedrock's generator."""
