"""Events: facts of a session, in the order of their `seq`. They are stored in the journal and are the same for every client."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from protocol.choice_events import GrantDenied as GrantDenied
from protocol.choice_events import InputWithdrawn as InputWithdrawn
from protocol.choice_events import ModeChanged as ModeChanged
from protocol.content import (
    Access,
    Arguments,
    ChunkKind,
    Effort,
    FileChange,
    MaySetModel,
    Offset,
    PendingTool,
    PlanItem,
    Question,
    QuestionAction,
    ShareId,
    Step,
    ToolCall,
    ToolState,
)
from protocol.event_base import EventBase as EventBase
from protocol.submissions import Submission
from protocol.workspace_events import NotesChanged as NotesChanged
from protocol.workspace_events import WorkspaceNotSaved as WorkspaceNotSaved
from protocol.workspace_events import WorkspaceRestored as WorkspaceRestored
from protocol.workspace_events import WorkspaceSaved as WorkspaceSaved


class Accepted(EventBase, kw_only=True, tag_field="type", tag="accepted"):
    """The acknowledgement of a submission. All clients see the submission."""

    submission_id: str
    submission: Submission
    share_id: ShareId | UnsetType = UNSET


class Processing(EventBase, kw_only=True, tag_field="type", tag="processing"):
    """A turn begins; its user_input enters the history here."""

    turn_id: str
    submission_id: str


class InputJoined(EventBase, kw_only=True, tag_field="type", tag="input_joined"):
    """A user_input entered the running turn."""

    turn_id: str
    submission_id: str


class AssistantChunk(EventBase, kw_only=True, tag_field="type", tag="assistant_chunk"):
    """A piece of the open message: set message[offset:] = text, so applying it twice is harmless."""

    message_id: str
    offset: Offset
    text: str
    kind: ChunkKind = "text"


class AssistantMessageEvent(EventBase, kw_only=True, tag_field="type", tag="assistant_message"):
    """The whole message; it replaces what its chunks built. `sealed`: it was cut short (interrupt, error, restart)."""

    message_id: str
    text: str
    reasoning: str
    tool_calls: list[ToolCall]
    finish_reason: str
    sealed: bool


class ToolCallEvent(EventBase, kw_only=True, tag_field="type", tag="tool_call"):
    """The model asks for a call."""

    tool_call_id: str
    tool: str
    arguments: Arguments


class ApprovalRequired(EventBase, kw_only=True, tag_field="type", tag="approval_required"):
    """The turn waits until each of these calls has an answer."""

    tools: list[PendingTool]
    count: int


class ToolStateChange(EventBase, kw_only=True, tag_field="type", tag="tool_state_change"):
    """The state of a call changed. After `rejected`, `abandoned`, `cancelled` and `outcome_unknown` no `tool_output` follows."""

    tool_call_id: str
    tool: str
    state: ToolState
    by: Annotated[Literal["user", "policy", "restart", "shutdown"], Meta(description="who or what decided it")]
    feedback: str | UnsetType = UNSET
    arguments: Annotated[
        Arguments | UnsetType, Meta(description="on `approved`: the user's edit, which is what runs")
    ] = UNSET
    estimated_usd: Annotated[
        float | UnsetType,
        Meta(
            description="of a call that ran and was cut off: what it may have cost; it counts toward the spending limit"
        ),
    ] = UNSET
    grant: Annotated[
        str | UnsetType, Meta(description="on `approved`: what runs without asking from now on, in this session")
    ] = UNSET
    share_id: ShareId | UnsetType = UNSET
    detail: Annotated[str | UnsetType, Meta(description="on `outcome_unknown`: the reason, as models get it")] = UNSET


class ToolLog(EventBase, kw_only=True, tag_field="type", tag="tool_log"):
    """Live output of a running call: set log[offset:] = text."""

    tool_call_id: str
    offset: Offset
    text: str


class AskUser(EventBase, kw_only=True, tag_field="type", tag="ask_user"):
    """A running call asks the user something, and waits for an `answer_question`."""

    question: Question


class QuestionClosed(EventBase, kw_only=True, tag_field="type", tag="question_closed"):
    """A question has its answer, or was `withdrawn`. Questions of a call that ends are closed without this event."""

    question_id: str
    tool_call_id: str
    action: QuestionAction | Literal["withdrawn"]
    share_id: ShareId | UnsetType = UNSET


class ToolStep(EventBase, kw_only=True, tag_field="type", tag="tool_step"):
    """A call of a sub-agent, inside of a running call: at its start, and again with its result. It replaces the step of the same id."""

    tool_call_id: str
    step: Step


class ToolOutput(EventBase, kw_only=True, tag_field="type", tag="tool_output"):
    """The result of a call."""

    tool_call_id: str
    tool: str
    output: str
    success: bool
    truncated: bool
    duration_ms: int
    cost_usd: Annotated[
        float | UnsetType, Meta(description="what the call cost, or is estimated to; it adds to the session's cost")
    ] = UNSET
    changes: Annotated[
        list[FileChange] | UnsetType, Meta(description="what it did to files, of `write` and `edit`; absent if nothing")
    ] = UNSET


class PlanUpdate(EventBase, kw_only=True, tag_field="type", tag="plan_update"):
    """The agent's plan, whole."""

    items: list[PlanItem]


class UsageEvent(EventBase, kw_only=True, tag_field="type", tag="usage"):
    """The tokens and cost of one model call. `cost_usd` is null if unknown.

    With `tool_call_id` it was a sub-agent's: it adds to the totals, and says nothing of the session's own context.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float | None
    context_tokens: int
    context_limit: int
    tool_call_id: Annotated[str | UnsetType, Meta(description="of the call that spent it")] = UNSET
    estimated: Annotated[
        bool | UnsetType,
        Meta(
            description="true: the provider gave no count that can be, or the call was cut short; the tokens are an estimate"
        ),
    ] = UNSET


class TurnComplete(EventBase, kw_only=True, tag_field="type", tag="turn_complete"):
    """A turn ended well. `history_size` counts the messages of the history."""

    turn_id: str
    history_size: int
    final_response: Annotated[
        str, Meta(description="the text of the last message; absent if the socket was opened with `final_response=no`")
    ] = ""


class Interrupted(EventBase, kw_only=True, tag_field="type", tag="interrupted"):
    """A turn, or a compaction (its submission's id), was stopped."""

    turn_id: str
    reason: Literal["user", "restart", "shutdown"]


class Compacted(EventBase, kw_only=True, tag_field="type", tag="compacted"):
    """The model's context up to message `kept_from` was replaced by `summary`. The visible history stays as it is."""

    old_tokens: int
    new_tokens: int
    summary: str
    kept_from: int
    operation_id: Annotated[str | None, Meta(description="the `compact` it answers; null if the turn did it by itself")]


class UndoComplete(EventBase, kw_only=True, tag_field="type", tag="undo_complete"):
    """The last `removed_messages` messages left the history. `kept` names what was not undone (files, jobs)."""

    removed_messages: int
    kept: list[str]
    restore: Annotated[
        str | UnsetType,
        Meta(
            description="the snapshot of the files before all that was removed, for `restore`; absent if there is none"
        ),
    ] = UNSET


class ModelChanged(EventBase, kw_only=True, tag_field="type", tag="model_changed"):
    """From the next model call on, this model answers, with this reasoning effort."""

    model: str
    reasoning_effort: Effort = ""
    reason: Annotated[
        Literal["unshared"] | UnsetType,
        Meta(description="`unshared`: a guest had chosen the model before, and the link was revoked"),
    ] = UNSET


class TitleChanged(EventBase, kw_only=True, tag_field="type", tag="title_changed"):
    """The session has a title."""

    title: str


class Shared(EventBase, kw_only=True, tag_field="type", tag="shared"):
    """A link for others was made. The event does not hold its secret."""

    share_id: str
    access: Access
    may_set_model: MaySetModel | UnsetType = UNSET


class Unshared(EventBase, kw_only=True, tag_field="type", tag="unshared"):
    """A link was revoked."""

    share_id: str
    removed_inputs: (
        Annotated[
            list[str],
            Meta(description="submission ids of the queued inputs of its guests, which get no turn; absent if none"),
        ]
        | UnsetType
    ) = UNSET


class GrantRevoked(EventBase, kw_only=True, tag_field="type", tag="grant_revoked"):
    """What was allowed for the session, or refused, asks again."""

    grant: str
    reason: Annotated[
        Literal["user", "unshared"],
        Meta(description="`user`: by a `revoke_grant`; `unshared`: a guest had allowed it, and the link was revoked"),
    ]


class NotesUploaded(EventBase, kw_only=True, tag_field="type", tag="notes_uploaded"):
    """The session's owner uploaded AGENTS.md. The model is told that the notes are the owner's while the file has this content."""

    digest: Annotated[str, Meta(description="BLAKE2b of the file's bytes, 16 bytes in hexadecimal")]


class ErrorEvent(EventBase, kw_only=True, tag_field="type", tag="error"):
    """The turn (`turn_id`) or operation failed and is over; the session goes on."""

    code: str
    message: str
    retryable: bool
    turn_id: str | None


class ShutdownEvent(EventBase, kw_only=True, tag_field="type", tag="shutdown"):
    """The session's last event."""

    reason: str


Event = (
    Accepted
    | Processing
    | InputJoined
    | AssistantChunk
    | AssistantMessageEvent
    | ToolCallEvent
    | ApprovalRequired
    | ToolStateChange
    | ToolLog
    | ToolStep
    | ToolOutput
    | PlanUpdate
    | UsageEvent
    | TurnComplete
    | Interrupted
    | Compacted
    | UndoComplete
    | ModelChanged
    | TitleChanged
    | Shared
    | Unshared
    | GrantRevoked
    | GrantDenied
    | InputWithdrawn
    | ModeChanged
    | NotesUploaded
    | NotesChanged
    | WorkspaceSaved
    | WorkspaceNotSaved
    | WorkspaceRestored
    | AskUser
    | QuestionClosed
    | ErrorEvent
    | ShutdownEvent
)

NEWEST: Final[int] = max(kind.since for kind in (*Event.__args__, *Submission.__args__))
"""The version of events that this program knows."""


def since(event: Event) -> int:
    """The version of events that whoever reads this one must know."""
    return max(event.since, event.submission.since) if isinstance(event, Accepted) else event.since


def first_seq(event: Event) -> int:
    """The first position the event stands for."""
    return event.seq if event.first_seq is UNSET else event.first_seq
