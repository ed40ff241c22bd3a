"""With text: a conversation in which messages with calls have an empty text where they had none, for servers that want one. Pure.

OpenAI's reference lets the content of a message with calls be a text, null, or left out. Some providers refuse an empty text, and LiteLLM
replaces it by one of its own for Anthropic; most servers take null, which LiteLLM leaves out. llama-cpp-python and FastChat want a text:
they refuse null, and llama-cpp-python answers nothing where it is left out. So a text is sent only to servers that do so.
"""

import msgspec

from agent.models.types import ModelRequest


def has_nulls(request: ModelRequest) -> bool:
    """Whether a message of the conversation has no text."""
    return any(message.get("content", "") is None for message in request.messages)


def with_text(request: ModelRequest) -> ModelRequest:
    """The request with an empty text in each message that has none."""
    if not has_nulls(request):
        return request
    messages = [{**one, "content": ""} if one.get("content", "") is None else one for one in request.messages]
    return msgspec.structs.replace(request, messages=messages)
