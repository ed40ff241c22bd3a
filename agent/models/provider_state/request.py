"""Provider state in a request: puts the state of messages back under LiteLLM's names. Pure.

A provider may refuse a request from which the state of a message is missing: one of another model, one of an older version,
one that was too large. So:

- DeepSeek wants the reasoning of every message with tool calls, in all later requests (api-docs.deepseek.com,
  guides/thinking_mode). Where it is missing, a blank is sent, as LiteLLM does when an effort is set.
- Anthropic, when it is to think, wants the turn under way to begin with a thinking block (platform.claude.com,
  build-with-claude/extended-thinking). Where it is missing, the rest of the turn is done without thinking:
  `must_not_think`.
- For Gemini, LiteLLM sends a placeholder (ai.google.dev, gemini-api/docs/thought-signatures). OpenRouter and OpenAI do
  without.
"""

from collections.abc import Sequence
from itertools import dropwhile, takewhile

from agent.models.provider_state.order import in_order
from agent.models.provider_state.state import Part, ProviderState, decode, is_readable
from agent.models.types import KeptState

ChatMessage = dict[str, object]

KEY = "provider_state"
"""The key of a message's `KeptState`; no provider gets it."""

_BLANK = " "
_RETURNS_REASONING = frozenset({"deepseek", "minimax", "moonshot", "ollama_chat", "xiaomi_mimo", "zai"})
"""Providers whose documents ask for the reasoning of earlier messages, which LiteLLM takes as `reasoning_content`."""
_TAKES_REASONING = frozenset({"groq", "hosted_vllm", "openai", "openrouter"})
"""Providers whose documents have the reasoning of earlier messages as `reasoning`, where they call it that themselves: Groq's API
reference, vLLM's features/interleaved_thinking, OpenRouter's use-cases/reasoning-tokens; `openai` for servers of one's own, such
as Ollama (docs.ollama.com, capabilities/streaming). OpenAI itself sends no reasoning under this name."""
_WANTS_REASONING = frozenset({"deepseek"})
"""Providers that refuse a message with tool calls without its reasoning, and for which LiteLLM does not always fill it in."""


def returns_reasoning(provider: str) -> bool:
    """Whether the provider wants the text of the reasoning back. A stream that is read directly tells it by the name of the
    field; LiteLLM's wrapper has one name for all."""
    return provider in _RETURNS_REASONING


def put_back(
    messages: Sequence[ChatMessage], source: str, provider: str, *, thinks: bool, joins: bool = False
) -> list[ChatMessage]:
    """The messages with the state that the model of `source` made, and without that of others.

    The messages themselves stay as they are; of those without state, no copies are made. `thinks`: whether the model may think in this call. `joins`: see `order.joins_messages`.
    """
    if not any(KEY in message for message in messages) and not (thinks and provider in _WANTS_REASONING):
        return list(messages)  # a long conversation without state is not walked further
    result: list[ChatMessage] = []
    for turn in _turns([dict(message) for message in messages]):
        with_calls = any(message.get("tool_calls") for message in turn)
        for message in turn:
            kept = message.pop(KEY, None)
            state = decode(kept.data) if isinstance(kept, KeptState) else None
            is_own = state is not None and state.source == source
            if isinstance(kept, KeptState) and state is not None and is_own:
                _apply(message, state, kept.reasoning if with_calls else "", provider)
            if thinks and provider in _WANTS_REASONING and message.get("tool_calls"):
                message.setdefault("reasoning_content", _BLANK)
            if joins and isinstance(kept, KeptState) and state is not None and is_own:
                result += in_order(message, state, kept.text)
            else:
                result.append(message)
    return result


def must_not_think(messages: Sequence[ChatMessage], model: str, provider: str) -> bool:
    """Whether a model of Anthropic would refuse to think in this call. `messages`: as `put_back` gives them."""
    if "claude" not in model.lower() or provider == "openrouter":
        return False
    turns = _turns(messages)
    behind = dropwhile(lambda message: message["role"] != "assistant", turns[-1] if turns else ())
    first = list(takewhile(lambda message: message["role"] == "assistant", behind))
    has_calls = any(message.get("tool_calls") for message in first)
    return has_calls and not any(message.get("thinking_blocks") for message in first)


def _turns(messages: Sequence[ChatMessage]) -> list[list[ChatMessage]]:
    """The messages by turn. A turn begins with a user's message, unless that stands right behind a tool's result: then it
    joined the turn."""
    turns: list[list[ChatMessage]] = []
    before = ""
    for message in messages:
        if not turns or (message["role"] == "user" and before != "tool"):
            turns.append([])
        turns[-1].append(message)
        before = str(message["role"])
    return turns


def _with_text(detail: Part, reasoning: str) -> Part | None:
    """The detail with its text; None if that was the reasoning, and there is none."""
    if not is_readable(detail) or "text" in detail:
        return detail
    return {**detail, "text": reasoning} if reasoning else None


def _apply(message: ChatMessage, state: ProviderState, reasoning: str, provider: str) -> None:
    """`reasoning`: the text to send back; empty if none is wanted."""
    if reasoning and state.names_reasoning:
        if provider in _TAKES_REASONING:
            message["reasoning"] = reasoning
    elif reasoning and state.returns_reasoning:
        message["reasoning_content"] = reasoning
    details = [_with_text(detail, reasoning) for detail in state.reasoning_details]
    parts = {
        "thinking_blocks": state.thinking_blocks,
        "reasoning_details": [detail for detail in details if detail is not None],
        "reasoning_items": state.reasoning_items,
    }
    message.update({name: values for name, values in parts.items() if values})
    if state.text_signatures and message.get("content"):
        message["provider_specific_fields"] = {"thought_signatures": state.text_signatures}
    calls = message.get("tool_calls")
    if state.call_signatures and isinstance(calls, list):
        message["tool_calls"] = [
            {**call, "provider_specific_fields": {"thought_signature": state.call_signatures[place]}}
            if place in state.call_signatures
            else call
            for place, call in enumerate(calls)
        ]
