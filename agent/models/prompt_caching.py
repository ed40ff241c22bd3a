"""Prompt caching: sets the cache marks for providers that cache only what is marked. Pure.

Anthropic's rule (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching): everything up to a marked block
is cached. So the end of the system prompt is marked, with the tools before it, and the end of the conversation so far.
"""

from collections.abc import Sequence

ChatMessage = dict[str, object]

_MARK = {"type": "ephemeral"}
_MARKED_MODELS = ("anthropic/", "claude-", "bedrock/anthropic.", "vertex_ai/claude", "openrouter/anthropic/")


def needs_cache_marks(model: str) -> bool:
    """Whether the model's provider caches only what is marked."""
    return model.startswith(_MARKED_MODELS)


def mark_for_caching(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Copies of the messages with the system prompt and the last text marked."""
    result = list(messages)
    places = [place for place, message in enumerate(result) if message.get("role") == "system"][:1]
    places += [place for place in range(len(result) - 1, -1, -1) if _parts(result[place])][:1]
    for place in set(places):
        parts = _parts(result[place])
        if parts:
            result[place] = {**result[place], "content": [*parts[:-1], {**parts[-1], "cache_control": _MARK}]}
    return result


def _parts(message: ChatMessage) -> list[ChatMessage]:
    """The parts of a message that can be marked; its text is the last one."""
    content = message.get("content")
    if not content or message.get("role") not in ("system", "user", "tool"):
        return []
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
