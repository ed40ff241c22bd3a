"""State types of the Agent Host Protocol 0.9.0: what the channels have. `tests.support.ahp.types` has the rest, and the source."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType


class Closed(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """A type without other fields than those it has."""


class Origin(Closed, kw_only=True):
    kind: Literal["user"]


class Message(Closed, kw_only=True):
    text: str
    origin: Origin


class MarkdownText(Closed, kw_only=True):
    markdown: str


class Option(Closed, kw_only=True):
    id: str
    label: str
    kind: Literal["approve", "deny"]
    group: int | UnsetType = UNSET


class TextContent(Closed, kw_only=True):
    type: Literal["text"]
    text: str


class Fault(Closed, kw_only=True):
    message: str
    code: str | UnsetType = UNSET


class Result(Closed, kw_only=True):
    success: bool
    past_tense_message: str
    content: list[TextContent] | UnsetType = UNSET
    error: Fault | UnsetType = UNSET


class CallBase(Closed, kw_only=True):
    tool_call_id: str
    tool_name: str
    display_name: str


class Streaming(CallBase, kw_only=True, tag_field="status", tag="streaming"):
    pass


class Pending(CallBase, kw_only=True, tag_field="status", tag="pending-confirmation"):
    invocation_message: str | MarkdownText
    tool_input: str | UnsetType = UNSET
    confirmation_title: str | UnsetType = UNSET
    editable: bool | UnsetType = UNSET
    options: list[Option] | UnsetType = UNSET


Confirmed = Literal["not-needed", "user-action", "setting"]


class Running(CallBase, kw_only=True, tag_field="status", tag="running"):
    invocation_message: str | MarkdownText
    tool_input: str | UnsetType = UNSET
    confirmed: Confirmed
    content: list[TextContent] | UnsetType = UNSET


class Completed(CallBase, kw_only=True, tag_field="status", tag="completed"):
    invocation_message: str | MarkdownText
    tool_input: str | UnsetType = UNSET
    confirmed: Confirmed
    success: bool
    past_tense_message: str
    content: list[TextContent] | UnsetType = UNSET
    error: Fault | UnsetType = UNSET


class Cancelled(CallBase, kw_only=True, tag_field="status", tag="cancelled"):
    invocation_message: str | MarkdownText
    tool_input: str | UnsetType = UNSET
    reason: Literal["denied", "skipped", "result-denied"]
    reason_message: str | UnsetType = UNSET


class Question(Closed, kw_only=True):
    id: str
    message: str
    kind: Literal["text", "number", "integer", "boolean", "single-select", "multi-select"]
    title: str | UnsetType = UNSET
    required: bool | UnsetType = UNSET
    default_value: str | int | float | bool | UnsetType = UNSET
    options: list[dict[str, str]] | UnsetType = UNSET


class InputRequest(Closed, kw_only=True):
    id: str
    message: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    questions: list[Question] | UnsetType = UNSET


Response = Literal["accept", "decline", "cancel"]


class Markdown(Closed, kw_only=True, tag_field="kind", tag="markdown"):
    id: str
    content: str


class Reasoning(Closed, kw_only=True, tag_field="kind", tag="reasoning"):
    id: str
    content: str


class CallPart(Closed, kw_only=True, tag_field="kind", tag="toolCall"):
    tool_call: Streaming | Pending | Running | Completed | Cancelled


class InputPart(Closed, kw_only=True, tag_field="kind", tag="inputRequest"):
    request: InputRequest
    response: Response | UnsetType = UNSET


class ErrorInfo(Closed, kw_only=True):
    error_type: str
    message: str


class ErrorPart(Closed, kw_only=True, tag_field="kind", tag="error"):
    error: ErrorInfo


Part = Markdown | Reasoning | CallPart | InputPart | ErrorPart


class Usage(Closed, kw_only=True):
    input_tokens: int
    output_tokens: int


class ActiveTurn(Closed, kw_only=True):
    id: str
    started_at: str
    message: Message
    response_parts: list[Part]
    usage: Usage | UnsetType = UNSET


class Turn(ActiveTurn, kw_only=True):
    duration: int
    state: Literal["complete", "cancelled", "error"]


class PendingMessage(Closed, kw_only=True):
    id: str
    message: Message


class Chat(Closed, kw_only=True):
    resource: str
    title: str
    status: int
    modified_at: str
    origin: Origin
    turns: list[Turn]
    active_turn: ActiveTurn | UnsetType = UNSET
    steering_message: PendingMessage | UnsetType = UNSET
    queued_messages: list[PendingMessage] | UnsetType = UNSET


class ChatSummary(Closed, kw_only=True):
    resource: str
    title: str
    status: int
    modified_at: str
    origin: Origin


class ToolConfirmation(Closed, kw_only=True, tag_field="kind", tag="toolConfirmation"):
    id: str
    chat: str
    turn_id: str
    tool_call: Pending


class ChatInput(Closed, kw_only=True, tag_field="kind", tag="chatInput"):
    id: str
    chat: str
    request: InputRequest


Needed = ToolConfirmation | ChatInput


class Config(Closed, kw_only=True):
    schema: dict[str, Any]
    values: dict[str, str]


class Session(Closed, kw_only=True):
    provider: str
    title: str
    status: int
    lifecycle: Literal["creating", "ready", "failed"]
    active_clients: list[dict[str, Any]]
    chats: list[ChatSummary]
    default_chat: str
    config: Config
    working_directories: list[str] | UnsetType = UNSET
    input_needed: list[Needed] | UnsetType = UNSET


class Model(Closed, kw_only=True):
    id: str
    provider: str
    name: str
    max_context_window: int | UnsetType = UNSET


class Agent(Closed, kw_only=True):
    provider: str
    display_name: str
    description: str
    models: list[Model]


class Root(Closed, kw_only=True):
    agents: list[Agent]
