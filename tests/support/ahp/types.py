"""Types of the Agent Host Protocol 0.9.0, as far as this server speaks it: whoever decodes with them refuses everything else.

Source: `types/` of https://github.com/microsoft/agent-host-protocol, and the reducers of VS Code 1.139.1. Written after them, field for
field; what the protocol leaves open and this server does not send is left out.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tests.support.ahp.states import (
    Chat,
    Closed,
    Confirmed,
    ErrorPart,
    InputRequest,
    MarkdownText,
    Message,
    Needed,
    Option,
    Part,
    Response,
    Result,
    Root,
    Session,
    TextContent,
    Usage,
)


class Snapshot(Closed, kw_only=True):
    resource: str
    state: dict[str, Any]
    from_seq: int


class TurnStarted(Closed, kw_only=True, tag_field="type", tag="chat/turnStarted"):
    turn_id: str
    started_at: str
    message: Message
    queued_message_id: str | UnsetType = UNSET


class Delta(Closed, kw_only=True, tag_field="type", tag="chat/delta"):
    turn_id: str
    part_id: str
    content: str


class ReasoningDelta(Closed, kw_only=True, tag_field="type", tag="chat/reasoning"):
    turn_id: str
    part_id: str
    content: str


class ResponsePart(Closed, kw_only=True, tag_field="type", tag="chat/responsePart"):
    turn_id: str
    part: Part


class CallAction(Closed, kw_only=True):
    turn_id: str
    tool_call_id: str


class CallStart(CallAction, kw_only=True, tag_field="type", tag="chat/toolCallStart"):
    tool_name: str
    display_name: str


class CallReady(CallAction, kw_only=True, tag_field="type", tag="chat/toolCallReady"):
    invocation_message: str | MarkdownText
    tool_input: str | UnsetType = UNSET
    confirmation_title: str | UnsetType = UNSET
    editable: bool | UnsetType = UNSET
    confirmed: Confirmed | UnsetType = UNSET
    options: list[Option] | UnsetType = UNSET


class CallConfirmed(CallAction, kw_only=True, tag_field="type", tag="chat/toolCallConfirmed"):
    approved: bool
    confirmed: Confirmed | UnsetType = UNSET
    edited_tool_input: str | UnsetType = UNSET
    selected_option_id: str | UnsetType = UNSET
    reason: Literal["denied", "skipped"] | UnsetType = UNSET
    reason_message: str | UnsetType = UNSET
    user_suggestion: Message | UnsetType = UNSET


class CallContent(CallAction, kw_only=True, tag_field="type", tag="chat/toolCallContentChanged"):
    content: list[TextContent]


class CallComplete(CallAction, kw_only=True, tag_field="type", tag="chat/toolCallComplete"):
    result: Result


class TurnComplete(Closed, kw_only=True, tag_field="type", tag="chat/turnComplete"):
    turn_id: str
    duration: int


class TurnCancelled(Closed, kw_only=True, tag_field="type", tag="chat/turnCancelled"):
    turn_id: str
    duration: int


class TurnFailed(Closed, kw_only=True, tag_field="type", tag="chat/error"):
    turn_id: str
    duration: int
    part: ErrorPart


class UsageReport(Closed, kw_only=True, tag_field="type", tag="chat/usage"):
    turn_id: str
    usage: Usage


class PendingSet(Closed, kw_only=True, tag_field="type", tag="chat/pendingMessageSet"):
    kind: Literal["steering", "queued"]
    id: str
    message: Message


class PendingRemoved(Closed, kw_only=True, tag_field="type", tag="chat/pendingMessageRemoved"):
    kind: Literal["steering", "queued"]
    id: str


class Truncated(Closed, kw_only=True, tag_field="type", tag="chat/truncated"):
    turn_id: str | UnsetType = UNSET


class InputRequested(Closed, kw_only=True, tag_field="type", tag="chat/inputRequested"):
    request: InputRequest


class InputCompleted(Closed, kw_only=True, tag_field="type", tag="chat/inputCompleted"):
    request_id: str
    response: Response
    answers: dict[str, Any] | UnsetType = UNSET


class TitleChanged(Closed, kw_only=True, tag_field="type", tag="session/titleChanged"):
    title: str


class ConfigChanged(Closed, kw_only=True, tag_field="type", tag="session/configChanged"):
    config: dict[str, str]


class NeededSet(Closed, kw_only=True, tag_field="type", tag="session/inputNeededSet"):
    request: Needed


class NeededRemoved(Closed, kw_only=True, tag_field="type", tag="session/inputNeededRemoved"):
    id: str


class ActiveClientSet(Closed, kw_only=True, tag_field="type", tag="session/activeClientSet"):
    active_client: dict[str, Any]


Action = (
    TurnStarted
    | Delta
    | ReasoningDelta
    | ResponsePart
    | CallStart
    | CallReady
    | CallConfirmed
    | CallContent
    | CallComplete
    | TurnComplete
    | TurnCancelled
    | TurnFailed
    | UsageReport
    | PendingSet
    | PendingRemoved
    | Truncated
    | InputRequested
    | InputCompleted
    | TitleChanged
    | ConfigChanged
    | NeededSet
    | NeededRemoved
    | ActiveClientSet
)


class ActionOrigin(Closed, kw_only=True):
    client_id: str
    client_seq: int


class Envelope(Closed, kw_only=True):
    channel: str
    action: Action
    server_seq: int
    origin: ActionOrigin | UnsetType = UNSET
    rejection_reason: str | UnsetType = UNSET


class SessionSummary(Closed, kw_only=True):
    resource: str
    provider: str
    title: str
    status: int
    created_at: str
    modified_at: str
    working_directories: list[str] | UnsetType = UNSET


class SummaryChanges(Closed, kw_only=True):
    title: str | UnsetType = UNSET
    status: int | UnsetType = UNSET
    modified_at: str | UnsetType = UNSET


class SessionAdded(Closed, kw_only=True):
    channel: str
    summary: SessionSummary


class SessionRemoved(Closed, kw_only=True):
    channel: str
    session: str


class SummaryChanged(Closed, kw_only=True):
    channel: str
    session: str
    changes: SummaryChanges


class Initialized(Closed, kw_only=True):
    protocol_version: str
    server_seq: int
    snapshots: list[Snapshot]
    server_info: dict[str, str] | UnsetType = UNSET


class Subscribed(Closed, kw_only=True):
    snapshot: Snapshot | UnsetType = UNSET


class Replay(Closed, kw_only=True, tag_field="type", tag="replay"):
    actions: list[Envelope]
    missing: list[str]


class Snapshots(Closed, kw_only=True, tag_field="type", tag="snapshot"):
    snapshots: list[Snapshot]


class Listed(Closed, kw_only=True):
    items: list[SessionSummary]
    next_cursor: str | UnsetType = UNSET


class Resolved(Closed, kw_only=True):
    schema: dict[str, Any]
    values: dict[str, str]


class Items(Closed, kw_only=True):
    items: list[dict[str, Any]]


RESULTS: dict[str, Any] = {
    "initialize": Initialized,
    "reconnect": Replay | Snapshots,
    "ping": None,
    "subscribe": Subscribed,
    "listSessions": Listed,
    "createSession": None,
    "disposeSession": None,
    "resolveSessionConfig": Resolved,
    "sessionConfigCompletions": Items,
    "completions": Items,
    "fetchTurns": dict[str, Any],
}
NOTIFICATIONS: dict[str, Any] = {
    "action": Envelope,
    "root/sessionAdded": SessionAdded,
    "root/sessionRemoved": SessionRemoved,
    "root/sessionSummaryChanged": SummaryChanged,
}


def check_state(uri: str, state: dict[str, Any]) -> None:
    """Raise `msgspec.ValidationError` if this is no state of the channel."""
    kind = Chat if uri.startswith("ahp-chat:") else Root if uri.startswith("ahp-root:") else Session
    msgspec.convert(state, kind)
