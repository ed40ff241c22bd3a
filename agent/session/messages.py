"""Messages of the state machine: its inputs, and the decision it returns (events, effects, an answer)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from agent.models import DeltaKind, ModelReply, ModelUsage
from agent.session.state import NotesWriter
from agent.tools import ToolResult
from protocol.content import Question, QuestionAction, Step
from protocol.events import Accepted, Event
from protocol.submissions import Submission


class Delta(msgspec.Struct, frozen=True):
    """Text of the model's message since the last delta."""

    message_id: str
    kind: DeltaKind
    text: str


class ModelDone(msgspec.Struct, frozen=True):
    """The model's message is complete. All its text came as deltas before."""

    message_id: str
    reply: ModelReply


class ModelFailed(msgspec.Struct, frozen=True):
    """The model call failed. `code` is one of `protocol.codes.ERRORS`."""

    message_id: str
    code: str
    message: str
    retryable: bool


class SummaryDone(msgspec.Struct, frozen=True):
    """The model has written the summary for a compaction."""

    summary_id: str
    text: str
    reply: ModelReply


class SummaryFailed(msgspec.Struct, frozen=True):
    """The model call for the summary failed. `code` as in ModelFailed."""

    summary_id: str
    code: str
    message: str
    retryable: bool


class TitleDone(msgspec.Struct, frozen=True):
    """The model call for a title has ended. `text` is empty if it made none. `cut_short`: by the limit of its tokens."""

    title_id: str
    text: str = ""
    usage: ModelUsage | None = None
    cut_short: bool = False


class ToolLogged(msgspec.Struct, frozen=True):
    """Live output of a running call."""

    tool_call_id: str
    text: str


class ToolStepped(msgspec.Struct, frozen=True):
    """A tool call that a running call's sub-agent made: begun, or done."""

    tool_call_id: str
    step: Step


class ToolSpent(msgspec.Struct, frozen=True):
    """A running call's sub-agent has made a model call."""

    tool_call_id: str
    usage: ModelUsage


class ToolDone(msgspec.Struct, frozen=True):
    """A tool call has its result."""

    tool_call_id: str
    result: ToolResult
    duration_ms: int


class WorkspaceSaved(msgspec.Struct, frozen=True):
    """The session's files are saved. `left_out`: files that are not in the snapshot. `kept`: all snapshots that there are."""

    snapshot_id: str
    files: int
    left_out: int
    kept: tuple[str, ...]


class SaveFailed(msgspec.Struct, frozen=True):
    """The session's files could not be saved."""

    snapshot_id: str
    message: str


class WorkspaceRestored(msgspec.Struct, frozen=True):
    """The session's files are as they were. `left`: paths that are not, the first ones of `left_count`."""

    operation_id: str
    restored: int
    removed: int
    left: tuple[str, ...]
    left_count: int


class RestoreFailed(msgspec.Struct, frozen=True):
    """The session's files could not be restored."""

    operation_id: str
    message: str


class ToolAsked(msgspec.Struct, frozen=True):
    """A running call asks the user something."""

    question: Question


class QuestionWithdrawn(msgspec.Struct, frozen=True):
    """Nobody waits for the answer to this question any more."""

    question_id: str


class OwnerUploadedNotes(msgspec.Struct, frozen=True):
    """The session's owner uploaded AGENTS.md; `digest` is that of its content."""

    digest: str


class NotesWritten(msgspec.Struct, frozen=True):
    """AGENTS.md changed while this call ran. `digest`: of what it is now; empty if it is gone."""

    tool_call_id: str
    tool: str
    digest: str


class Recover(msgspec.Struct, frozen=True):
    """The session was loaded: work that was under way when it was last awake has ended."""


class HandOver(msgspec.Struct, frozen=True):
    """Another server goes on with the session once what runs has ended: no further turn begins here."""


class Stop(msgspec.Struct, frozen=True):
    """The server stops, or puts the session to sleep: end what runs, keep the session."""


class Fail(msgspec.Struct, frozen=True):
    """The server failed under the session: end what runs with an error.

    `keeps_waiting`: a turn that only waits for approvals has lost nothing and continues to wait.
    """

    code: str
    message: str
    retryable: bool
    keeps_waiting: bool = False


Input = (
    Submission
    | Delta
    | ModelDone
    | ModelFailed
    | SummaryDone
    | SummaryFailed
    | TitleDone
    | ToolLogged
    | ToolStepped
    | ToolSpent
    | ToolAsked
    | QuestionWithdrawn
    | ToolDone
    | WorkspaceSaved
    | SaveFailed
    | WorkspaceRestored
    | RestoreFailed
    | OwnerUploadedNotes
    | NotesWritten
    | Recover
    | HandOver
    | Stop
    | Fail
)


class CallModel(msgspec.Struct, frozen=True):
    """Call the model for the message `message_id`. `notes_max_tokens`: how much of the project's notes is sent along.

    `owner_notes`: the digest of the notes that the owner uploaded last; empty if none. `notes_by`: the call that wrote them last.
    """

    message_id: str
    model: str
    messages: list[dict[str, object]]
    reasoning_effort: str = ""
    notes_max_tokens: int = 0
    owner_notes: str = ""
    notes_by: NotesWriter | None = None


class Summarize(msgspec.Struct, frozen=True):
    """Call the model for a summary."""

    summary_id: str
    model: str
    messages: list[dict[str, object]]


class MakeTitle(msgspec.Struct, frozen=True):
    """Call the model for a title, within these limits."""

    title_id: str
    model: str
    messages: list[dict[str, object]]
    max_tokens: int
    timeout_s: float


class RunTool(msgspec.Struct, frozen=True):
    """Run a tool call that is approved or needs no approval. `model`, `grants`, `denials`: the session's, for a sub-agent; `SetGrants`
    changes the last two."""

    tool_call_id: str
    tool: str
    arguments: Mapping[str, Any]
    model: str = ""
    grants: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()


class AnswerCall(msgspec.Struct, frozen=True):
    """Give the call that asked this question the user's answer."""

    question_id: str
    action: QuestionAction
    content: Mapping[str, Any] = {}


class SetGrants(msgspec.Struct, frozen=True):
    """Grants were revoked, or denials given: the sub-agents that run have these from now on."""

    grants: tuple[str, ...]
    denials: tuple[str, ...] = ()


class SaveWorkspace(msgspec.Struct, frozen=True):
    """Save the session's files as a snapshot. `keep`: the one that is not dropped to make room."""

    snapshot_id: str
    keep: str = ""


class RestoreWorkspace(msgspec.Struct, frozen=True):
    """Make the session's files as they were in `snapshot_id`. `present_id`: the snapshot of what they are now."""

    operation_id: str
    snapshot_id: str
    present_id: str


class CancelTitle(msgspec.Struct, frozen=True):
    """Stop the model call for a title now: a turn begins, which some servers would answer only afterwards."""


class CancelWork(msgspec.Struct, frozen=True):
    """Stop the model call, all running tools, and work on snapshots now."""


class EndSession(msgspec.Struct, frozen=True):
    """The session takes no more submissions."""


Effect = (
    CallModel
    | Summarize
    | MakeTitle
    | RunTool
    | AnswerCall
    | SetGrants
    | SaveWorkspace
    | RestoreWorkspace
    | CancelTitle
    | CancelWork
    | EndSession
)


class SubmissionRefusal(msgspec.Struct, frozen=True):
    """The answer to a submission that changes nothing. `code` is one of `protocol.codes.REFUSALS`."""

    code: str
    message: str


class Decision(msgspec.Struct, frozen=True):
    """What follows from one input. The effects begin once the events are stored. `answer` is set for a submission.

    `provider_states`: stored with the messages of the model to which they belong, by the `seq` of those events.
    """

    events: tuple[Event, ...]
    effects: tuple[Effect, ...]
    answer: Accepted | SubmissionRefusal | None = None
    provider_states: Mapping[int, bytes] = {}
