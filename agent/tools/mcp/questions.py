"""MCP questions: what a server asks of the user (elicitation) and of the model (sampling), and the answers in its terms.

Elicitation: https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation; sampling: .../client/sampling.
The fields of a form come from a flat JSON Schema. A form that cannot be shown as it is meant is declined.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from agent.models import ModelError
from agent.tools.base import DECLINED, CallAsker, UserAnswer
from protocol.content import QuestionField, QuestionOption

if TYPE_CHECKING:
    from mcp.types import CreateMessageResult, ElicitResult, ErrorData, ListRootsResult

MESSAGE_CHARS_MAX: Final = 20_000
"""A question is shown whole, and so is what the model would be asked; a longer one is declined."""

FIELDS_MAX: Final = 32
OPTIONS_MAX: Final = 200
LABEL_CHARS_MAX: Final = 500
URL_CHARS_MAX: Final = 2_000
SAMPLING_TOKENS_MAX: Final = 4_096
"""Tokens of an answer of the model to a server, at most."""

FieldKind = Literal["text", "number", "integer", "boolean", "choice", "choices"]
_KINDS: Final[dict[str, FieldKind]] = {
    "string": "text",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
}
_KINDS_OF_CHOICES: Final[dict[str, FieldKind]] = {"string": "choice", "array": "choices"}

REJECTED: Final = -1
"""The error code for a request that the user rejected, as the specification of sampling has it."""


async def elicit(asker: CallAsker | None, *, server: str, params: Any) -> "ElicitResult":
    """Ask the user. Declined where nobody can be asked, and where the form cannot be shown."""
    from mcp.types import ElicitResult

    answer = DECLINED if asker is None else await _ask(asker, server, params)
    if answer.action == "accept" and getattr(params, "mode", "form") == "form":
        return ElicitResult(action="accept", content=dict(answer.content))
    return ElicitResult(action=answer.action)


async def _ask(asker: CallAsker, server: str, params: Any) -> UserAnswer:
    if len(params.message) > MESSAGE_CHARS_MAX:
        return DECLINED
    if getattr(params, "mode", "form") == "url":
        if not _is_web(params.url):
            return DECLINED
        return await asker.ask_user(server, "link", params.message, url=params.url)
    fields = fields_of(_plain(params.requested_schema))
    if fields is None:
        return DECLINED
    return await asker.ask_user(server, "form", params.message, fields)


async def sample(asker: CallAsker | None, *, server: str, params: Any) -> "CreateMessageResult | ErrorData":
    """Let the session's model answer, if the user agrees to the whole prompt."""
    from mcp.types import CreateMessageResult, ErrorData, TextContent

    messages = _messages_of(params)
    if asker is None or messages is None:
        return ErrorData(code=REJECTED, message="Only text can be sampled, and only for a call that runs alone")
    shown = "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)
    if len(shown) > MESSAGE_CHARS_MAX:
        return ErrorData(code=REJECTED, message=f"The prompt has more than {MESSAGE_CHARS_MAX} characters")
    if (await asker.ask_user(server, "model", shown)).action != "accept":
        return ErrorData(code=REJECTED, message="User rejected sampling request")
    try:
        text, reason, model = await asker.ask_model(messages, max(1, min(params.max_tokens, SAMPLING_TOKENS_MAX)))
    except ModelError as error:
        return ErrorData(code=REJECTED, message=f"The model call failed: {error.message}")
    ended = "maxTokens" if reason == "length" else "endTurn"
    content = TextContent(type="text", text=text)
    return CreateMessageResult(role="assistant", content=content, model=model, stop_reason=ended)


def roots_of(workspace: Path) -> "ListRootsResult":
    """The answer to `roots/list`: the session's workspace is the folder that the server may work in."""
    from mcp.types import ListRootsResult

    return ListRootsResult.model_validate({"roots": [{"uri": workspace.as_uri(), "name": "workspace"}]})


def _messages_of(params: Any) -> list[dict[str, object]] | None:
    """The prompt for the session's model; None if it has more than text, or tools."""
    if getattr(params, "tools", None):
        return None
    system = params.system_prompt
    messages: list[dict[str, object]] = [{"role": "system", "content": system}] if system else []
    for message in params.messages:
        content = message.content
        blocks = content if isinstance(content, list) else [content]
        if any(block.type != "text" for block in blocks):
            return None
        messages.append({"role": message.role, "content": "\n".join(block.text for block in blocks)})
    return messages if params.messages else None


def fields_of(schema: Mapping[str, Any]) -> list[QuestionField] | None:
    """The fields of a form; None if it has one that cannot be shown."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or len(properties) > FIELDS_MAX:
        return [] if properties is None else None
    needed = required if isinstance(required, list) else []
    fields = [_field(name, about, name in needed) for name, about in properties.items()]
    known = [field for field in fields if field is not None]
    return known if len(known) == len(fields) else None


def _field(name: str, about: Any, required: bool) -> QuestionField | None:
    kind = about.get("type", "string") if isinstance(about, dict) else None
    if not isinstance(kind, str) or len(name) > LABEL_CHARS_MAX:
        return None
    options = _options(about)
    if kind == "array":
        items = about.get("items")
        options = _options(items) if isinstance(items, dict) else None
    if options is None:
        shown = _KINDS.get(kind)
    else:
        shown = _KINDS_OF_CHOICES.get(kind) if 0 < len(options) <= OPTIONS_MAX else None
    if shown is None:
        return None
    field = QuestionField(
        name, shown, _text(about.get("title")), _text(about.get("description")), required, options or []
    )
    default = about.get("default")
    texts = isinstance(default, list) and all(isinstance(one, str) for one in default)
    if texts or isinstance(default, str | int | float | bool):
        field = msgspec.structs.replace(field, default=default)
    return field


def _options(about: Mapping[str, Any]) -> list[QuestionOption] | None:
    """The values that may be chosen; None if any may be given."""
    titled = about.get("oneOf", about.get("anyOf"))
    if isinstance(titled, list):
        pairs = [(one.get("const"), one.get("title")) for one in titled if isinstance(one, dict)]
    else:
        values, names = about.get("enum"), about.get("enumNames")
        if not isinstance(values, list):
            return None
        names = names if isinstance(names, list) else []
        pairs = [(value, names[at] if at < len(names) else value) for at, value in enumerate(values)]
    return [QuestionOption(value, _text(label) or value) for value, label in pairs if isinstance(value, str)]


def _text(value: object) -> str:
    return value[:LABEL_CHARS_MAX] if isinstance(value, str) else ""


def _plain(schema: Any) -> Mapping[str, Any]:
    """The schema as JSON has it, whatever the library made of it."""
    if isinstance(schema, Mapping):
        return schema
    plain: Mapping[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return len(url) <= URL_CHARS_MAX and parts.scheme in ("http", "https") and bool(parts.hostname)
