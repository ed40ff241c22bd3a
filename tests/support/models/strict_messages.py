"""Strict messages: checks a request's messages by the rules of the strictest providers. Pure."""

import json
import re
from collections.abc import Mapping, Sequence

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ROLES = ("system", "user", "assistant", "tool")


def complaint(messages: object, tools: object = None) -> str | None:
    """Say what a strict provider would refuse in `messages` (and `tools`), or None when they are valid.

    The rules: one system message, first, or none; then a user message; every tool call is answered by exactly one
    tool message, directly after it and in order; no tool message without its call; no assistant message without
    text and without calls; no two user or assistant messages in a row; the last one is a user or tool message;
    arguments are JSON objects in text; ids are unique in the whole conversation; text is encodable.
    """
    if not isinstance(messages, list) or not messages:
        return "messages must be a non-empty list"
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            return f"messages[{index}]: the role must be one of {', '.join(_ROLES)}"
    return _order(messages) or _contents(messages) or _tools(tools)


def _order(messages: Sequence[Mapping[str, object]]) -> str | None:
    seen: set[str] = set()
    owed: list[str] = []
    before = "nothing"
    for index, message in enumerate(messages):
        where, role = f"messages[{index}]", str(message["role"])
        if role == "tool":
            if not owed:
                return f"{where}: a tool result that answers no tool call: {message.get('tool_call_id')!r}"
            if message.get("tool_call_id") != owed[0]:
                return f"{where}: expected the result of {owed[0]!r}, got that of {message.get('tool_call_id')!r}"
            owed.pop(0)
        elif owed:
            return f"{where}: the tool calls {owed} have no result directly after them"
        elif role == "system" and index:
            return f"{where}: a system message that is not the first"
        elif before in ("nothing", "system") and role not in ("user", "system"):
            return f"{where}: the first message after the system's must be the user's, not {role}"
        elif role == before:
            return f"{where}: two {role} messages in a row"
        if role == "assistant":
            calls = message.get("tool_calls") or []
            if not isinstance(calls, list):
                return f"{where}: tool_calls must be a list"
            for number, call in enumerate(calls):
                problem = _call(call, seen)
                if problem:
                    return f"{where}.tool_calls[{number}]: {problem}"
                owed.append(call["id"])
        before = role
    if owed:
        return f"the tool calls {owed} at the end have no result"
    return None if before in ("user", "tool") else f"the last message must be the user's or a tool's, not {before}"


def _call(call: object, seen: set[str]) -> str | None:
    if not isinstance(call, dict) or call.get("type") != "function" or not isinstance(call.get("function"), dict):
        return "must be an object of type function"
    identity, function = call.get("id"), call["function"]
    if not isinstance(identity, str) or not identity:
        return "id must be a non-empty string"
    if identity in seen:
        return f"the id {identity!r} was used before in this conversation"
    seen.add(identity)
    if not isinstance(function.get("name"), str) or not _NAME.fullmatch(function["name"]):
        return f"the function's name {function.get('name')!r} must be 1-64 of a-z A-Z 0-9 _ -"
    try:
        arguments = json.loads(function.get("arguments"))
    except (TypeError, ValueError):
        return f"the arguments are not JSON: {function.get('arguments')!r}"
    return None if isinstance(arguments, dict) else f"the arguments are not a JSON object: {arguments!r}"


def _contents(messages: Sequence[Mapping[str, object]]) -> str | None:
    for index, message in enumerate(messages):
        where, role, content = f"messages[{index}]", message["role"], message.get("content")
        if role == "assistant" and content is None and message.get("tool_calls"):
            continue
        if not isinstance(content, (str, list)):
            return f"{where}: content must be text or a list of parts, not {type(content).__name__}"
        if role in ("system", "user", "assistant") and not content and not message.get("tool_calls"):
            return f"{where}: empty {role} content"
        try:
            json.dumps(message, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return f"{where}: a lone surrogate in its text"
    return None


def _tools(tools: object) -> str | None:
    if tools is None:
        return None
    if not isinstance(tools, list) or not tools:
        return "tools must be a non-empty list, or left out"
    names: set[str] = set()
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in names:
            return f"tools[{index}]: needs a function with a valid name of its own"
        names.add(name)
    return None
