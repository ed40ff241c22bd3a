"""Token counting: the tokens of a call as its provider counted them, or an estimate where that is no count. Pure."""

from typing import Any, Final

import msgspec

from agent.models.provider_state.request import KEY
from agent.models.provider_state.state import bytes_sent_back
from agent.models.types import KeptState, ModelRequest, TokenCounts
from agent.util.text import BYTES_A_TOKEN, IMAGE_TOKENS, MESSAGE_OVERHEAD

_FAR_BELOW: Final = 1_000
"""A count this many times below the estimate is none: some servers report 0 or 1 for everything."""
_HIDDEN_TOKENS: Final = 50_000
"""Tokens that a provider may add to a prompt. Text has at most as many tokens as bytes, so a count above both is none."""
_OUTPUT_MAX: Final = 10_000_000
"""Tokens of one answer, hidden reasoning included; a count above is none. No model writes a tenth of it."""

IMAGE_BYTES: Final = IMAGE_TOKENS * BYTES_A_TOKEN
"""What an image counts as: its tokens follow from its size in pixels, not from its bytes."""


class Counted(msgspec.Struct, frozen=True):
    """Tokens of a call. `estimated`: at least one of them is not the provider's count."""

    tokens: TokenCounts
    estimated: bool


class Answered(msgspec.Struct):
    """Bytes that a model wrote: text and tool calls, and reasoning."""

    shown: int = 0
    reasoning: int = 0


def request_bytes(request: ModelRequest) -> int:
    """Bytes of text that a request sends, about."""
    total = len(msgspec.json.encode(request.tools)) if request.tools else 0
    total += MESSAGE_OVERHEAD * BYTES_A_TOKEN * len(request.messages)
    total += sum(map(_bytes, [message["content"] for message in request.messages if "content" in message]))
    for message in request.messages:
        if "tool_calls" not in message and KEY not in message:
            continue
        calls, kept = message.get("tool_calls"), message.get(KEY)
        if calls:
            total += len(msgspec.json.encode(calls))
        if isinstance(kept, KeptState):
            total += bytes_sent_back(kept.data, kept.reasoning if calls else "")
    return total


def count(reported: TokenCounts | None, sent_bytes: int, answered: Answered) -> Counted:
    """The tokens of a call. What the provider did not report, or what cannot be, is estimated."""
    counts = reported or TokenCounts()
    sent, wrote = sent_bytes // BYTES_A_TOKEN, -(-(answered.shown + answered.reasoning) // BYTES_A_TOKEN)
    input_, input_estimated = counts.input, False
    if not sent // _FAR_BELOW < input_ <= sent_bytes + _HIDDEN_TOKENS:
        input_, input_estimated = max(1, sent), True
    output, output_estimated = counts.output, False
    if not wrote // _FAR_BELOW <= output <= _OUTPUT_MAX or (output == 0 and wrote > 0):
        output, output_estimated = wrote, True
    reasoning = counts.reasoning if 0 < counts.reasoning <= output else 0
    if not reasoning and answered.reasoning:
        reasoning = min(output, output * answered.reasoning // (answered.shown + answered.reasoning))
    read = _part(counts.cache_read, input_)
    tokens = TokenCounts(input_, output, read, _part(counts.cache_write, input_ - read), reasoning)
    return Counted(tokens, input_estimated or output_estimated)


def _part(tokens: int, whole: int) -> int:
    return min(max(0, tokens), whole)


def _bytes(content: Any) -> int:
    if isinstance(content, str):
        return len(content) if content.isascii() else len(content.encode("utf-8", "replace"))
    if isinstance(content, list) and any(part.get("type") == "image_url" for part in content):
        return sum(IMAGE_BYTES if part.get("type") == "image_url" else _bytes([part]) for part in content)
    return len(msgspec.json.encode(content)) if content else 0
