"""MCP messages: bounds each part of a server's message before the library decodes it. Pure.

The library decodes in the event loop, and some messages make that slow: a block of an unknown type costs fifty microseconds
and a text about each of its faults. So only known fields pass, each with its type and a bound. What is left out is replaced by
a text that says so, and an answer that cannot be used by an error with the same id.

It imports nothing of the project: `process.py` runs this file by its path.
"""

import json
import re
from typing import Any, Final

import msgspec

BLOCKS_MAX: Final = 200
"""Content blocks of a result; the rest are counted and left out. The library checks each three times, in 30 us."""

TEXT_CHARS_MAX: Final = 262_144
"""Characters of the texts of a result. Models get the first and last 25 kB of them; redaction takes 0.1 us each."""

RESOURCE_CHARS_MAX: Final = 4_194_304
"""Characters of the resources of a result, which are saved as files."""

STRUCTURED_BYTES_MAX: Final = 131_072
"""Structured content in bytes of JSON. It is used where a result has no text."""

TOOLS_MAX: Final = 1_000
TOOLS_VALUES_MAX: Final = 60_000
"""Tools in one message, and values of their schemas together; the rest are left out. Of these, few are offered to models."""

SCHEMA_BYTES_MAX: Final = 262_144
VALUES_MAX: Final = 10_000
"""Values of structured content or of a schema."""

LISTED_MAX: Final = 256
"""Prompts or resources in one message; the rest are left out."""

LISTED_VALUES_MAX, LISTED_BYTES_MAX = 200, 16_000
"""Of one prompt or resource; larger ones are left out."""

OTHER_VALUES_MAX: Final = 1_000
OTHER_BYTES_MAX: Final = 65_536
"""Everything else in a message, such as a server's instructions."""

DEPTH_MAX: Final = 64
NOTE_CHARS_MAX: Final = 4_000
"""Text of a progress or log notification."""

LINK_CHARS_MAX: Final = 2_000
NAME_CHARS_MAX: Final = 512
ID_MAX: Final = 2**53
DESCRIPTION_CHARS_MAX: Final = 16_000

OVER_BOUND: Final = -32098
"""The error code of an answer that is refused."""

LEFT_OUT: Final = "holdfast/left_out"
"""In `_meta` of a list of tools: those that are left out, each as its name and the reason."""

LEFT_OUT_MAX: Final = 100
LEFT_OUT_NAME_CHARS_MAX: Final = 64

_LINK_FIELDS = ("name", "uri", "title", "description", "mimeType")
_LISTED: Final[dict[str, dict[str, type]]] = {
    "prompts": {"name": str, "title": str, "description": str, "arguments": list},
    "arguments": {"name": str, "title": str, "description": str, "required": bool},
    "resources": {"name": str, "uri": str, "title": str, "description": str, "mimeType": str, "size": int},
    "resourceTemplates": {"name": str, "uriTemplate": str, "title": str, "description": str, "mimeType": str},
}
"""The fields of what is listed, and their types; fields of other types are left out."""

_ADDRESS: Final = {"resources": "uri", "resourceTemplates": "uriTemplate"}

_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
_HALF_PAIRS = re.compile("[\ud800-\udfff]")


class NotAMessage(ValueError):
    """The bytes are not a JSON-RPC message."""


def bound_message(raw: bytes) -> bytes | None:
    """The message with every part within its bound, as JSON; None for a notification that is left out. Raises NotAMessage."""
    bounded = bounded_message(raw)
    return None if bounded is None else msgspec.json.encode(bounded)


def bounded_message(raw: bytes) -> dict[str, Any] | None:
    """The same, not encoded."""
    try:
        return _bounded(_decode(raw))
    except (ValueError, TypeError, RecursionError) as error:  # nesting without end
        raise NotAMessage from error


def _bounded(message: Any) -> dict[str, Any] | None:
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise NotAMessage
    identity = message.get("id")
    if not isinstance(identity, int | str | None):
        raise NotAMessage
    if abs(identity) > ID_MAX if isinstance(identity, int) else len(identity or "") > NAME_CHARS_MAX:
        raise NotAMessage
    bounded: dict[str, Any] | None
    if "method" in message:
        bounded = _call(message)
    elif isinstance(message.get("result"), dict):
        bounded = _result(message["result"])
    elif "error" in message or "result" in message:
        bounded = {"error": _error(message.get("error"))}
    else:
        raise NotAMessage
    if bounded is None:
        return None
    return {"jsonrpc": "2.0", **({"id": identity} if "id" in message else {}), **bounded}


def _decode(raw: bytes) -> Any:
    """The value of JSON, and of what some servers write: halves of surrogate pairs, bytes that are not UTF-8, and numbers that
    JSON does not have. A call whose answer is passed over would wait until its time is over."""
    try:
        return msgspec.json.decode(raw)
    except ValueError:
        value = json.loads(raw.decode(errors="replace"))
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(_HALF_PAIRS.sub("\ufffd", text))


def _call(message: dict[str, Any]) -> dict[str, Any] | None:
    """A request or a notification of the server; None for a notification that is left out."""
    method, params = message["method"], message.get("params", {})
    if not isinstance(method, str) or len(method) > NAME_CHARS_MAX or not isinstance(params, dict):
        raise NotAMessage
    if method == "notifications/message":
        params = {**params, "data": _note(params.get("data"))}
    elif method == "notifications/progress" and isinstance(params.get("message"), str):
        params = {**params, "message": params["message"][:NOTE_CHARS_MAX]}
    if not fits(params, OTHER_VALUES_MAX, OTHER_BYTES_MAX):
        if "id" not in message:
            return None
        params = {}
    return {"method": method, "params": params}


def _note(data: Any) -> str:
    if isinstance(data, str):
        return data[:NOTE_CHARS_MAX]
    if not fits(data, OTHER_VALUES_MAX, OTHER_BYTES_MAX):
        return "[left out: a message that is too large]"
    return msgspec.json.encode(data)[:NOTE_CHARS_MAX].decode(errors="replace")


def _error(error: Any) -> dict[str, Any]:
    """The error; for an answer that has neither a result nor an error of a known form, an error that says so."""
    error = error if isinstance(error, dict) else {}
    code, text, data = error.get("code"), error.get("message"), error.get("data")
    if not isinstance(code, int) or abs(code) > ID_MAX or not isinstance(text, str):
        return {"code": OVER_BOUND, "message": "it has an unknown form"}
    bounded = {"code": code, "message": text[:NOTE_CHARS_MAX]}
    return {**bounded, "data": data} if data is not None and fits(data, 100, NOTE_CHARS_MAX) else bounded


def _result(result: dict[str, Any]) -> dict[str, Any]:
    content, tools, structured = result.get("content"), result.get("tools"), result.get("structuredContent")
    keys = ("content", "tools", "prompts", *_ADDRESS, "messages", "contents")
    lists = {key for key in keys if isinstance(result.get(key), list)}
    bounded = {key: value for key, value in result.items() if key not in lists and key != "structuredContent"}
    if not fits(bounded, OTHER_VALUES_MAX, OTHER_BYTES_MAX):
        return {"error": {"code": OVER_BOUND, "message": f"it has more than {OTHER_VALUES_MAX} values"}}
    if isinstance(content, list):
        blocks = bounded["content"] = _Blocks().read(content)
        if structured is not None and not any(block["type"] == "text" for block in blocks):
            if fits(structured, VALUES_MAX, STRUCTURED_BYTES_MAX):
                bounded["structuredContent"] = structured
            else:
                blocks.append(_text(f"[left out: structured content of more than {STRUCTURED_BYTES_MAX} bytes]"))
    if isinstance(tools, list):
        bounded["tools"], left_out = _tools(tools)
        meta = bounded.get("_meta")
        bounded["_meta"] = {**(meta if isinstance(meta, dict) else {}), LEFT_OUT: left_out}
    bounded |= {key: _listed(key, result[key]) for key in ("prompts", *_ADDRESS) if key in lists}
    if "messages" in lists:
        bounded["messages"] = _messages(result["messages"])
    if "contents" in lists:
        read = _Blocks().read([{"type": "resource", "resource": one} for one in result["contents"][: BLOCKS_MAX + 1]])
        bounded["contents"] = [block.get("resource", {"uri": "", "text": block.get("text")}) for block in read]
    return {"result": bounded}


def _listed(key: str, given: list[Any]) -> list[dict[str, Any]]:
    """The prompts, arguments, resources or templates of a list that can be used, with the fields that are known."""
    fields, kept = _LISTED[key], []
    for one in given[:LISTED_MAX]:
        known = one if isinstance(one, dict) else {}
        about = {name: known[name] for name in fields if isinstance(known.get(name), fields[name])}
        if _strings(about, "name", _ADDRESS.get(key, "name")) and fits(about, LISTED_VALUES_MAX, LISTED_BYTES_MAX):
            given_arguments = about.get("arguments")
            kept.append(
                about if given_arguments is None else {**about, "arguments": _listed("arguments", given_arguments)}
            )
    return kept


def _messages(given: list[Any]) -> list[dict[str, Any]]:
    """The messages of a prompt."""
    known = [one if isinstance(one, dict) else {} for one in given[: BLOCKS_MAX + 1]]
    roles = ["assistant" if one.get("role") == "assistant" else "user" for one in known]
    blocks = _Blocks().read([one.get("content") for one in known])
    return [{"role": role, "content": block} for role, block in zip(roles, blocks, strict=True)]


class _Blocks:
    """The content blocks of one result, with a bound on all their texts together."""

    def __init__(self) -> None:
        self._text_left = TEXT_CHARS_MAX
        self._resource_left = RESOURCE_CHARS_MAX

    def read(self, content: list[Any]) -> list[dict[str, Any]]:
        blocks = [self._read(block) for block in content[:BLOCKS_MAX]]
        if len(content) > BLOCKS_MAX:
            blocks.append(_text(f"[left out: {len(content) - BLOCKS_MAX} more content blocks]"))
        return blocks

    def _read(self, block: Any) -> dict[str, Any]:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text" and isinstance(block.get("text"), str):
            text = cut(block["text"], self._text_left)
            self._text_left = max(0, self._text_left - len(text))
            return _text(text)
        if kind in ("image", "audio") and _strings(block, "data", "mimeType"):
            return {"type": kind, "data": block["data"], "mimeType": block["mimeType"][:NAME_CHARS_MAX]}
        if kind == "resource_link" and _strings(block, "name", "uri"):
            return {
                "type": kind,
                **{name: block[name][:LINK_CHARS_MAX] for name in _LINK_FIELDS if _strings(block, name)},
            }
        if kind == "resource" and isinstance(block.get("resource"), dict):
            return self._resource(block["resource"])
        known = kind in ("text", "image", "audio", "resource_link", "resource")
        if isinstance(kind, str) and kind.isidentifier() and not known:
            return _text(f"[left out: a content block of the unknown type {kind[:LEFT_OUT_NAME_CHARS_MAX]!r}]")
        return _text("[left out: a content block of an unknown form]")

    def _resource(self, resource: dict[str, Any]) -> dict[str, Any]:
        body = next((name for name in ("text", "blob") if isinstance(resource.get(name), str)), None)
        if body is None or not isinstance(resource.get("uri"), str):
            return _text("[left out: a resource of an unknown form]")
        if body == "text":
            self._resource_left -= len(resource[body])
            if self._resource_left < 0:
                return _text(f"[left out: resources of more than {RESOURCE_CHARS_MAX} characters]")
        about = {name: resource[name][:LINK_CHARS_MAX] for name in ("uri", "mimeType") if _strings(resource, name)}
        return {"type": "resource", "resource": {**about, body: resource[body]}}


def _tools(tools: list[Any]) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """The tools of a list that can be used, as long as they are not too many; and the others, by name and reason."""
    kept: list[dict[str, Any]] = []
    left_out: list[list[str]] = []
    left = TOOLS_VALUES_MAX
    for number, one in enumerate(tools):
        tool = _tool(one) if number < TOOLS_MAX and left >= 0 else "the server lists too many tools"
        if isinstance(tool, dict):
            left -= count(tool["inputSchema"], VALUES_MAX) or VALUES_MAX
            tool = tool if left >= 0 else "the server lists too many tools"
        if isinstance(tool, dict):
            kept.append(tool)
        elif len(left_out) < LEFT_OUT_MAX:
            name = one["name"] if isinstance(one, dict) and _strings(one, "name") else "?"
            left_out.append([name[:LEFT_OUT_NAME_CHARS_MAX], tool])
        elif number >= TOOLS_MAX:
            break
    return kept, left_out


def _tool(tool: Any) -> dict[str, Any] | str:
    """A tool of a list; the reason if it cannot be used. Schemas of outputs and icons are left out: nothing reads them."""
    if not isinstance(tool, dict) or not _strings(tool, "name"):
        return "it has an unknown form"
    if not 0 < len(tool["name"]) <= NAME_CHARS_MAX:
        return f"its name has more than {NAME_CHARS_MAX} characters, or none"
    if not models_see(tool):
        return "it is for a user interface, not for models"
    execution = tool.get("execution")
    if isinstance(execution, dict) and execution.get("taskSupport") == "required":
        return "it can only be called as a task, which is not supported"
    schema = tool.get("inputSchema")
    schema = {} if schema is None or schema is True else schema
    if not isinstance(schema, dict) or schema.get("type") not in (None, "object", ["object"]):
        return "its arguments are not an object"
    if not fits(schema, VALUES_MAX, SCHEMA_BYTES_MAX):
        return f"its schema has more than {VALUES_MAX} values or {SCHEMA_BYTES_MAX} bytes"
    kept: dict[str, Any] = {"name": tool["name"], "inputSchema": {**schema, "type": "object"}}
    kept |= {name: tool[name][:DESCRIPTION_CHARS_MAX] for name in ("title", "description") if _strings(tool, name)}
    hints = tool.get("annotations")
    if isinstance(hints, dict):
        kept["annotations"] = {name: hints[name] for name in _HINTS if isinstance(hints.get(name), bool)}
    return kept


def models_see(tool: dict[str, Any]) -> bool:
    """Whether the tool is for models too: the extension MCP Apps has `_meta.ui.visibility`, for which the default is both."""
    meta = tool.get("_meta")
    interface = meta.get("ui") if isinstance(meta, dict) else None
    visibility = interface.get("visibility") if isinstance(interface, dict) else None
    return not isinstance(visibility, list) or "model" in visibility


def _strings(of: dict[str, Any], *names: str) -> bool:
    return all(isinstance(of.get(name), str) for name in names)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def cut(text: str, chars_max: int) -> str:
    """The text's first and last characters, at most `chars_max` of them, and between them how many are left out."""
    if len(text) <= chars_max:
        return text
    half = chars_max // 2
    return f"{text[:half]}\n[left out: {len(text) - 2 * half} characters]\n{text[len(text) - half :]}"


def fits(value: Any, values_max: int, bytes_max: int) -> bool:
    """Whether the value has at most so many values, is not nested deeper than `DEPTH_MAX`, and is not longer than JSON."""
    return count(value, values_max) is not None and len(msgspec.json.encode(value)) <= bytes_max


def count(value: Any, values_max: int) -> int | None:
    """How many values the value consists of; None if these are more, or nested deeper than `DEPTH_MAX`."""
    values = 0
    level = [value]
    for _ in range(DEPTH_MAX):
        values += len(level)
        if values > values_max:
            return None
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict | list):
                if len(item) > values_max:
                    return None
                below += item.values() if isinstance(item, dict) else item
        if not below:
            return values
        level = below
    return None
