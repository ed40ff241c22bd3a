"""Provider state: its fields, its encoding, and the redaction of those of its texts that nothing seals. Pure."""

from collections.abc import Callable
from typing import Any

import msgspec

Part = dict[str, Any]
"""A part in the provider's own shape."""

Place = tuple[int, int]
"""Where a part stands in its message: how many code points of the text, and how many tool calls, come before it."""


class ProviderState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the provider of `source` wants back with one message.

    `returns_reasoning`: the text of the message's reasoning; it is not held here, since the message has it.
    `names_reasoning`: the provider calls it `reasoning`, and not `reasoning_content`.
    `thinking_blocks`: Anthropic's, signed or encrypted. `reasoning_details`: OpenRouter's; one that is nothing but the
    reasoning is without its text. `reasoning_items`: OpenAI's, encrypted. `text_signatures`, `call_signatures`: Gemini's, of the text and of the tool calls by their place in the message.
    `places`: of each thinking block, then of each reasoning item; empty if all stand before the text and the calls.
    `text_chars`: code points of the whole text; 0 without places.
    """

    source: str
    returns_reasoning: bool = False
    names_reasoning: bool = False
    thinking_blocks: list[Part] = []
    reasoning_details: list[Part] = []
    reasoning_items: list[Part] = []
    text_signatures: list[str] = []
    call_signatures: dict[int, str] = {}
    places: list[Place] = []
    text_chars: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProviderState)


def encode(state: ProviderState) -> bytes:
    """The state as bytes, for the session to keep."""
    return _encoder.encode(state)


def decode(data: bytes) -> ProviderState | None:
    """The state from `encode`'s bytes; None if another version wrote them in another shape."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def bytes_sent_back(data: bytes, reasoning: str) -> int:
    """About how many bytes a message is longer for its state. `reasoning`: the text of the message's reasoning."""
    state = decode(data) if data else None
    if state is None:
        return 0
    readable = any(is_readable(detail) and "text" not in detail for detail in state.reasoning_details)
    is_text = state.returns_reasoning or readable
    return len(data) + (len(reasoning.encode("utf-8", "replace")) if is_text else 0)


def is_readable(detail: Part) -> bool:
    """Whether a detail of OpenRouter is a text of the reasoning that nothing seals."""
    return detail.get("type") == "reasoning.text" and not detail.get("signature") and not detail.get("data")


def unsealed_texts(state: ProviderState) -> list[tuple[Part, str]]:
    """The texts that no signature covers, each as the part that holds it and the name of its field.

    They are OpenRouter's readable reasoning without a signature, and the summaries beside OpenAI's encrypted reasoning.
    """
    parts = [part for part in state.reasoning_details if not part.get("signature")]
    for item in state.reasoning_items:
        summary = item.get("summary")
        parts += [part for part in summary if isinstance(part, dict)] if isinstance(summary, list) else []
    return [(part, name) for part in parts for name in ("text", "summary") if isinstance(part.get(name), str)]


def redact_unsealed(data: bytes, redact: Callable[[str], str]) -> bytes:
    """The encoded state with its unsealed texts redacted. What is sealed or signed stays as it is: the provider would refuse
    it, and a model knows only the markers of secrets."""
    state = decode(data) if data else None
    if state is None:
        return b""
    changed = False
    for part, name in unsealed_texts(state):
        redacted = redact(part[name])
        changed = changed or redacted != part[name]
        part[name] = redacted
    return encode(state) if changed else data
