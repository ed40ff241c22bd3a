"""Stream readers: which of LiteLLM's streams are read directly from their HTTP response, by which decoder, and which by
LiteLLM's iterator."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, NamedTuple

import httpx
from litellm.llms.bedrock.chat.invoke_handler import AWSEventStreamDecoder
from litellm.responses.streaming_iterator import ResponsesAPIStreamingIterator
from openai.types.chat import ChatCompletionChunk

from agent.models.guarded_transport import EventLines
from agent.models.streams import cohere_events, openai_chunks
from agent.models.streams.anthropic_events import AnthropicDecoder
from agent.models.streams.decoding import Decode, DecodeTexts
from agent.models.streams.gemini_chunks import GeminiDecoder
from agent.models.streams.ollama_lines import OllamaDecoder
from agent.models.streams.responses_events import ResponsesDecoder


class Body(NamedTuple):
    """The body of an answer, of which nothing has been read, and what decodes its events. `lines`: each line of it is one,
    instead of server-sent events. `decode_texts`: what decodes several at once, if there is that for them."""

    response: httpx.Response
    decode: Decode
    lines: bool = False
    decode_texts: DecodeTexts | None = None


def body_of(wrapper: object) -> Body | None:
    """The body of a LiteLLM stream; None if the stream is read through LiteLLM's wrapper.

    Exact types only: another subclass is a provider with a dialect of its own.
    """
    inner = getattr(wrapper, "completion_stream", None)
    find = _BODIES.get(_name(inner))
    body = find(inner) if find is not None else None
    if body is None or not isinstance(body.response, httpx.Response):
        return None
    return None if body.response.is_stream_consumed or body.response.is_closed else body


def iterator_of(wrapper: object) -> AsyncIterator[object] | None:
    """The iterator of a LiteLLM stream if it is read without the wrapper, else None."""
    inner: Any = getattr(wrapper, "completion_stream", None)
    made_by_generator = getattr(inner, "ag_code", None) is AWSEventStreamDecoder.aiter_bytes.__code__
    return inner if _name(inner) in _ITERATED or made_by_generator else None


def _name(stream: object) -> str:
    return f"{type(stream).__module__}.{type(stream).__qualname__}"


def _of_openai(response: httpx.Response) -> Body:
    return Body(response, openai_chunks.decode, decode_texts=openai_chunks.decode_texts)


def _of_client(stream: Any) -> Body | None:
    """Of the OpenAI client."""
    is_chat = getattr(stream, "_cast_to", None) is ChatCompletionChunk
    return _of_openai(stream.response) if is_chat else None


def _of_chat(stream: Any) -> Body | None:
    """Of LiteLLM's readers of bodies that are OpenAI's events. What some have beside these, `openai_chunks` reads."""
    return _of_openai(stream.http_response)


def _of_openai_like(stream: Any) -> Body | None:
    """Of LiteLLM's reader of OpenAI's events at watsonx and the like."""
    lines = stream.streaming_response
    return _of_openai(lines.response) if isinstance(lines, EventLines) else None


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


_BODIES: Final[Mapping[str, Callable[[Any], Body | None]]] = {
    "openai.AsyncStream": _of_client,
    "litellm.llms.cohere.common_utils.CohereV2ModelResponseIterator": _of_cohere,
    "litellm.llms.cometapi.chat.transformation.CometAPIChatCompletionStreamingHandler": _of_chat,
    "litellm.llms.edenai.chat.transformation.EdenAIChatCompletionStreamingHandler": _of_chat,
    "litellm.llms.anthropic.chat.handler.ModelResponseIterator": _of_anthropic,
    "litellm.llms.fireworks_ai.chat.transformation.FireworksAIChatCompletionStreamingHandler": _of_chat,
    "litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini.ModelResponseIterator": _of_gemini,
    "litellm.llms.groq.chat.transformation.GroqChatCompletionStreamingHandler": _of_chat,
    "litellm.llms.mistral.chat.transformation.MistralChatResponseIterator": _of_chat,
    "litellm.llms.ollama.chat.transformation.OllamaChatCompletionResponseIterator": _of_ollama,
    "litellm.llms.openai.openai.OpenAIChatCompletionResponseIterator": _of_chat,
    "litellm.llms.openai.chat.gpt_transformation.OpenAIChatCompletionStreamingHandler": _of_chat,
    (
        "litellm.completion_extras.litellm_responses_transformation.transformation."
        "OpenAiResponsesToChatCompletionStreamIterator"
    ): _of_responses,
    "litellm.llms.databricks.streaming_utils.ModelResponseIterator": _of_openai_like,
    "litellm.llms.openrouter.chat.transformation.OpenRouterChatCompletionStreamingHandler": _of_chat,
    "litellm.llms.xai.chat.transformation.XAIChatCompletionStreamingHandler": _of_chat,
}
"""By the full name of the type of LiteLLM's reader: most of these modules are loaded only where their provider is used."""

_ITERATED: Final = frozenset(
    {
        "litellm.llms.a2a.chat.streaming_iterator.A2AModelResponseIterator",
        "litellm.llms.databricks.chat.transformation.DatabricksChatResponseIterator",
        "litellm.llms.langgraph.chat.sse_iterator.LangGraphSSEStreamIterator",
        "litellm.llms.snowflake.chat.transformation.SnowflakeStreamingHandler",
    }
)
"""LiteLLM's readers that make chunks without the help of its wrapper, beside Bedrock's generator."""
