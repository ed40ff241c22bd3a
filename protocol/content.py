"""Content: what frames are made of: messages, tool calls, plan items, usage. Events, snapshots and the view share it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

ChunkKind = Literal["text", "reasoning"]
SessionStatus = Literal["idle", "running", "awaiting_approval", "closed"]
ToolState = Literal["approved", "rejected", "running", "abandoned", "cancelled", "outcome_unknown"]
When = Literal["queue", "steer"]
Scope = Literal["once", "session"]
QuestionAction = Literal["accept", "decline", "cancel"]
Effort = Literal["", "none", "minimal", "low", "medium", "high"]
Access = Literal["read", "drive"]
AccessLevel = Literal["owner", "drive", "read"]

ShareId = Annotated[str, Meta(description="of the link by which the guest came who did this; absent: the owner did it")]
MaySetModel = Annotated[bool, Meta(description="whether its guests may set the model; absent: they may not")]
SnapshotId = Annotated[
    str,
    Meta(
        description="the id of the turn before whose first call with effects it was taken, or of a `restore` before it"
    ),
]
SubmissionId = Annotated[str, Meta(min_length=1, max_length=64, description="1-64 characters of the client's making")]
Seq = Annotated[int, Meta(ge=1, description="position in the session's log, from 1, without holes")]
Offset = Annotated[int, Meta(ge=0, description="in Unicode code points, within its kind")]
IMAGES_MAX = 8
"""Images of one input."""
Arguments = Annotated[dict[str, Any], Meta(description="the tool's arguments, a JSON object")]


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool call of the model. `malformed` is the model's text if it was not a JSON object; `arguments` is then `{}`."""

    tool_call_id: str
    tool: str
    arguments: Arguments
    malformed: str | UnsetType = UNSET


class PendingTool(msgspec.Struct, frozen=True):
    """A call that waits for approval, with the reason why it needs it."""

    tool_call_id: str
    tool: str
    arguments: Arguments
    reason: str
    grant: Annotated[
        str | UnsetType,
        Meta(description="what an approval with scope `session` would allow; absent where that is not offered"),
    ] = UNSET
    operation: Annotated[
        str | UnsetType,
        Meta(
            description="which of the things the tool does, or the MCP server whose tool it is; absent where it does one"
        ),
    ] = UNSET


class QuestionOption(msgspec.Struct, frozen=True):
    """A value that may be chosen, and how it is shown."""

    value: str
    label: str


class QuestionField(msgspec.Struct, frozen=True, omit_defaults=True):
    """A field of a question. `choice` takes the value of one of its `options`, `choices` a list of them."""

    name: str
    kind: Literal["text", "number", "integer", "boolean", "choice", "choices"]
    label: str = ""
    help: str = ""
    required: bool = False
    options: list[QuestionOption] = []
    default: str | float | int | bool | list[str] | UnsetType = UNSET


class Question(msgspec.Struct, frozen=True):
    """What a running call asks of the user. `kind` `form`: for the values of `fields`; `link`: to open `url`; `model`: whether the
    session's model may answer `message`."""

    question_id: str
    tool_call_id: str
    asker: Annotated[str, Meta(description="who asks: the name of the MCP server, or `the agent`")]
    kind: Literal["form", "link", "model"]
    message: str
    fields: list[QuestionField] = []
    url: str | UnsetType = UNSET


class Step(msgspec.Struct, frozen=True):
    """A tool call that a sub-agent made inside of a call. It is under way as long as it has no `output`."""

    step_id: str
    tool: str
    arguments: Arguments
    output: Annotated[str | UnsetType, Meta(description="what it came to, perhaps cut")] = UNSET
    success: bool | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET


class FileChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a call did to a file. `path`: absolute in a project folder, else relative to the workspace. `line`: the first that differs, from 1.

    `patch`: a unified diff, empty if there is none to show. `cut`: it is not all of it.
    """

    path: str
    operation: Literal["add", "modify"]
    patch: str
    line: int = 1
    cut: bool = False


class ImageFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image that the user shows the model: a PNG, JPEG or WebP file of the workspace. It is read anew for each model call."""

    path: Annotated[str, Meta(min_length=1, max_length=1_024, description="relative to the workspace")]


Images = Annotated[list[ImageFile], Meta(max_length=IMAGES_MAX, description="what the model is shown with the text")]


class PlanItem(msgspec.Struct, frozen=True):
    """One line of the agent's plan."""

    text: str
    status: Literal["pending", "in_progress", "completed"]


class Usage(msgspec.Struct):
    """Tokens and cost. In a snapshot the first four are totals of the session, the last two those of the newest model call."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Annotated[float | None, Meta(description="US dollars; null if the price of any part is unknown")] = 0.0
    context_tokens: Annotated[int, Meta(description="tokens the conversation takes in the model's context")] = 0
    context_limit: Annotated[int, Meta(description="tokens the model's context holds; 0 before the first call")] = 0


class UserMessage(msgspec.Struct, tag_field="role", tag="user"):
    """A user's input, at the place where it entered the history."""

    text: str
    submission_id: str
    turn_id: str
    images: Images | UnsetType = UNSET


class AssistantMessage(msgspec.Struct, tag_field="role", tag="assistant"):
    """A finished message of the model. `sealed`: it was cut short (interrupt, error, restart)."""

    message_id: str
    text: str
    reasoning: str
    tool_calls: list[ToolCall]
    finish_reason: str
    sealed: bool


class ToolMessage(msgspec.Struct, tag_field="role", tag="tool"):
    """The result of one call; `state` says how it ended. `arguments` is there if a user edited them before approving,
    `steps` if a sub-agent made calls of its own."""

    tool_call_id: str
    tool: str
    output: str
    success: bool
    truncated: bool
    duration_ms: int
    state: Literal["completed", "rejected", "abandoned", "cancelled", "outcome_unknown"]
    arguments: Arguments | UnsetType = UNSET
    steps: list[Step] | UnsetType = UNSET


Message = UserMessage | AssistantMessage | ToolMessage


class OpenMessage(msgspec.Struct):
    """The message that is being streamed, with its text so far."""

    message_id: str
    text: str = ""
    reasoning: str = ""


class OpenCall(msgspec.Struct):
    """A call without a result yet. `state` is `requested` until a `tool_state_change` says more; `log` is its live output."""

    tool_call_id: str
    tool: str
    arguments: Arguments
    state: Literal["requested", "awaiting_approval", "approved", "running"] = "requested"
    log: str = ""
    edited: bool = False
    by: Annotated[
        Literal["user", "policy"] | UnsetType, Meta(description="who or what approved it; absent until then")
    ] = UNSET
    share_id: ShareId | UnsetType = UNSET
    steps: list[Step] | UnsetType = UNSET


class ShareLink(msgspec.Struct, frozen=True):
    """A link to a session for others: to `read`, or to `drive` (which also allows to send input, approve, revoke grants, interrupt, undo, restore, compact and edit)."""

    share_id: str
    access: Access
    may_set_model: MaySetModel | UnsetType = UNSET


class WorkspaceSnapshot(msgspec.Struct, frozen=True):
    """What the session's files were at one moment; `restore` makes them so again."""

    snapshot_id: SnapshotId
    files: int
    left_out: Annotated[int, Meta(description="how many of the files are not in it, for lack of room")]


class QueuedInput(msgspec.Struct, frozen=True):
    """An accepted `user_input` or `edit` that has not entered the history yet."""

    submission_id: str
    text: str
    when: When
    share_id: (
        Annotated[str, Meta(description="id of the link by which its sender came; absent: the owner")] | UnsetType
    ) = UNSET
    images: Images | UnsetType = UNSET
