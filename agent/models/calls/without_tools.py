"""Without tools: a conversation with tool calls as plain text, for a model that takes no tools. Pure."""

from typing import Any

import msgspec

from agent.models.calls.images import KEY as IMAGES
from agent.models.types import ModelRequest

_RESULT = "[Result of {}]\n{}"
_CALL = "[Called {} with {}]"


def without_tools(request: ModelRequest) -> ModelRequest:
    """The request without tools. Earlier calls and their results become text; roles alternate as before."""
    if not request.tools and not any("tool_calls" in message for message in request.messages):
        return request
    messages: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in request.messages:
        plain = _plain(message, names)
        last = messages[-1] if messages else None
        texts = isinstance(plain["content"], str) and last is not None and isinstance(last["content"], str)
        if texts and last is not None and last["role"] == plain["role"]:
            last["content"] = f"{last['content']}\n\n{plain['content']}"
            if shown := [*last.get(IMAGES, ()), *plain.get(IMAGES, ())]:
                last[IMAGES] = shown
        else:
            messages.append(plain)
    return msgspec.structs.replace(request, messages=messages, tools=[])


def _plain(message: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A message without calls. `names`: of the calls so far, by their ids."""
    if message["role"] == "tool":
        name = names.get(str(message.get("tool_call_id")), "a tool")
        return {"role": "user", "content": _RESULT.format(name, message["content"])}
    calls = message.get("tool_calls")
    if not calls:
        return {name: value for name, value in message.items() if name != "tool_calls"}
    parts = [message["content"]] if message.get("content") else []
    for call in calls:
        function = call["function"]
        names[call["id"]] = function["name"]
        parts.append(_CALL.format(function["name"], function["arguments"]))
    return {"role": "assistant", "content": "\n".join(parts)}
