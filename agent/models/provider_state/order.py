"""Order: a message of the model as several messages, so that its thinking goes back where it stood. Pure.

A model may think between its texts and calls. LiteLLM puts all thinking of a message before its text, and that before the
calls. What several messages of the model hold, one behind the other, it leaves in their order: for Anthropic it joins them to one
(`anthropic_messages_pt`), and for the Responses API everything is an item of its own.
"""

from itertools import pairwise
from typing import Any

import msgspec

from agent.models.provider_state.state import Place, ProviderState

ChatMessage = dict[str, object]

_SERVES_CLAUDE = frozenset({"azure_ai", "bedrock", "vertex_ai"})
"""By Anthropic's API; by Bedrock's other one, Converse, LiteLLM joins the messages too, and sorts their parts."""
_ORDERED = frozenset({"content", "tool_calls", "thinking_blocks", "reasoning_items"})


def joins_messages(model: str, provider: str, *, by_responses: bool) -> bool:
    """Whether messages of the model that follow each other keep their order. Other providers refuse them.

    `by_responses`: LiteLLM makes the call by the Responses API.
    """
    is_claude = provider == "anthropic" or (provider in _SERVES_CLAUDE and "claude" in model.lower())
    return is_claude or by_responses


class _Group(msgspec.Struct):
    """Thinking that stands at one place."""

    place: Place
    parts: dict[str, list[Any]]


def in_order(message: ChatMessage, state: ProviderState, text: str) -> list[ChatMessage]:
    """The message, whose state was put back, as one message for each place at which its model thought.

    `text`: the message's text as it was counted. Where it has changed, or was joined with another, the message stays as it is:
    thinking before all the rest is valid too.
    """
    groups = _groups(state)
    ends = (0, state.text_chars)
    has_changed = len(text) != state.text_chars and any(group.place[0] not in ends for group in groups)
    if not groups or has_changed or (message.get("content") or "") != text.strip():
        return [message]
    given: Any = message.get("tool_calls") or []
    first = [] if groups[0].place == (0, 0) else [_Group((0, 0), {})]
    last = _Group((state.text_chars, len(given)), {})
    rest = {name: value for name, value in message.items() if name not in _ORDERED}
    pieces: list[ChatMessage] = []
    for group, following in pairwise([*first, *groups, last]):
        begin, until = (
            len(text) if one.place[0] == state.text_chars > 0 else one.place[0] for one in (group, following)
        )
        calls = given[group.place[1] : following.place[1]]
        piece = {**rest, "content": text[begin:until].strip() or None, **group.parts}
        pieces.append({**piece, "tool_calls": calls} if calls else piece)
        rest = {"role": message["role"]}
    return [piece for piece in pieces if len(piece) > 2 or piece["content"] is not None]


def _groups(state: ProviderState) -> list[_Group]:
    """The thinking by its places, in their order; nothing if all stands before the rest."""
    parts = [("thinking_blocks", part) for part in state.thinking_blocks]
    parts += [("reasoning_items", part) for part in state.reasoning_items]
    groups: list[_Group] = []
    if len(parts) != len(state.places):
        return groups
    for (name, part), place in zip(parts, state.places, strict=True):
        if not groups or groups[-1].place != place:
            groups.append(_Group(place, {}))
        groups[-1].parts.setdefault(name, []).append(part)
    return groups
