"""The mind's measure: token estimates that need no tokenizer, for what the provider has not counted yet."""

import msgspec

from protocol.content import AssistantMessage, Message, UserMessage

BYTES_A_TOKEN = 4
MESSAGE_OVERHEAD = 4


def estimate_text(text: str) -> int:
    """About how many tokens a text takes: a quarter of its UTF-8 bytes, the rule of thumb of the providers' own guides."""
    return (len(text) if text.isascii() else len(text.encode("utf-8", "replace"))) // BYTES_A_TOKEN


def estimate(message: Message) -> int:
    """About how many tokens a message takes in the model's context."""
    if isinstance(message, UserMessage):
        return MESSAGE_OVERHEAD + estimate_text(message.text)
    if isinstance(message, AssistantMessage):
        calls = sum(MESSAGE_OVERHEAD + len(msgspec.json.encode(call)) // BYTES_A_TOKEN for call in message.tool_calls)
        return MESSAGE_OVERHEAD + estimate_text(message.text) + calls
    return MESSAGE_OVERHEAD + estimate_text(message.output)
