"""View: what a client shows of a session, and `apply`, which folds one event into it. Pure: no I/O and no clock."""

import msgspec

from protocol import events as ev
from protocol.content import (
    AssistantMessage,
    Effort,
    Message,
    OpenCall,
    OpenMessage,
    PendingTool,
    PlanItem,
    Question,
    QueuedInput,
    SessionStatus,
    ShareLink,
    ToolMessage,
    Usage,
    UserMessage,
    When,
    WorkspaceSnapshot,
)
from protocol.frames import Snapshot
from protocol.submissions import Compact, Edit, Restore, UserInput

ENDED_WITHOUT_OUTPUT = {
    "rejected": "The user rejected this call. It was not run.",
    "abandoned": "The user went on without answering whether this call may run. It was not run.",
    "cancelled": "This call was cancelled before it finished.",
    "outcome_unknown": "The server stopped while this call was running. Its outcome is unknown; it was not run again.",
}


DEFAULT_MODE = "default"
"""The mode in which the server's policy decides as it is."""


class View(msgspec.Struct, kw_only=True):
    """What a client shows: the fold of all events up to `seq`. Made from nothing, from a snapshot, or by `apply`."""

    seq: int = 0
    state: SessionStatus = "idle"
    model: str = ""
    reasoning_effort: Effort = ""
    title: str = ""
    turn_id: str | None = None
    messages: list[Message] = []
    open_message: OpenMessage | None = None
    open_calls: list[OpenCall] = []
    pending_approval: list[PendingTool] = []
    queued: list[QueuedInput] = []
    plan: list[PlanItem] = []
    usage: Usage = msgspec.field(default_factory=Usage)
    shares: list[ShareLink] = []
    grants: list[str] = []
    guest_grants: dict[str, str] = {}
    notes_digest: str = ""
    snapshots: list[WorkspaceSnapshot] = []
    questions: list[Question] = []
    denials: list[str] = []
    mode: str = DEFAULT_MODE


SNAPSHOT_FIELDS = View.__struct_fields__


def to_snapshot(view: View, omit: int = 0) -> Snapshot:
    """The view as a frame, without its `omit` oldest messages. It shares its lists: encode it before the view moves on."""
    snapshot = Snapshot(**{name: getattr(view, name) for name in SNAPSHOT_FIELDS})
    for name in ("grants", "notes_digest", "guest_grants", "snapshots", "questions", "denials"):
        if not getattr(view, name):
            setattr(snapshot, name, msgspec.UNSET)
    if view.mode == DEFAULT_MODE:
        snapshot.mode = msgspec.UNSET
    if omit:
        snapshot.messages, snapshot.omitted_messages = view.messages[omit:], omit
    return snapshot


def from_snapshot(snapshot: Snapshot) -> View:
    """The view a snapshot stands for."""
    fields = {name: getattr(snapshot, name) for name in SNAPSHOT_FIELDS}
    return View(**{name: value for name, value in fields.items() if value is not msgspec.UNSET})


def apply(view: View, event: ev.Event) -> None:
    """Fold one event into the view. An event the view has already seen changes nothing."""
    if event.seq <= view.seq:
        return
    view.seq = event.seq
    match event:
        case ev.AssistantChunk():
            _apply_chunk(view, event)
        case ev.ToolLog():
            call = open_call(view, event.tool_call_id)
            if call is not None:
                call.log = call.log[: event.offset] + event.text
        case ev.ToolStep():
            _apply_step(view, event)
        case ev.Accepted() | ev.Processing() | ev.InputJoined():
            _apply_input(view, event)
        case ev.AssistantMessageEvent():
            _apply_message(view, event)
        case ev.ToolCallEvent() | ev.ApprovalRequired() | ev.ToolStateChange() | ev.ToolOutput():
            _apply_tool(view, event)
        case (
            ev.TurnComplete()
            | ev.Interrupted()
            | ev.ErrorEvent()
            | ev.Compacted()
            | ev.WorkspaceRestored()
            | ev.ShutdownEvent()
        ):
            _apply_ending(view, event)
        case ev.WorkspaceSaved():
            _apply_saved(view, event)
        case ev.WorkspaceNotSaved() | ev.NotesChanged():
            pass
        case ev.PlanUpdate():
            view.plan = event.items
        case ev.UsageEvent():
            _add_usage(view.usage, event)
        case ev.UndoComplete():
            if event.removed_messages:
                del view.messages[-event.removed_messages :]
        case ev.ModelChanged():
            view.model, view.reasoning_effort = event.model, event.reasoning_effort
        case ev.TitleChanged():
            view.title = event.title
        case ev.Shared():
            view.shares.append(ShareLink(event.share_id, event.access, event.may_set_model))
        case ev.NotesUploaded():
            view.notes_digest = event.digest
        case ev.AskUser():
            view.questions = [*view.questions, event.question]
        case ev.QuestionClosed():
            view.questions = [one for one in view.questions if one.question_id != event.question_id]
        case ev.InputWithdrawn():
            view.queued = [waiting for waiting in view.queued if waiting.submission_id != event.submission_id]
        case ev.ModeChanged():
            view.mode = event.mode
        case ev.GrantDenied():
            _add_denial(view, event.grant)
        case ev.GrantRevoked():
            view.denials = [denial for denial in view.denials if denial != event.grant]
            view.grants = [grant for grant in view.grants if grant != event.grant]
            view.guest_grants.pop(event.grant, None)
        case ev.Unshared():
            view.shares = [share for share in view.shares if share.share_id != event.share_id]
            if event.removed_inputs is not msgspec.UNSET:
                removed = event.removed_inputs
                view.queued = [waiting for waiting in view.queued if waiting.submission_id not in removed]


def open_call(view: View, tool_call_id: str) -> OpenCall | None:
    """The call with this id that has no result yet."""
    return next((call for call in view.open_calls if call.tool_call_id == tool_call_id), None)


def _apply_chunk(view: View, event: ev.AssistantChunk) -> None:
    message = view.open_message
    if message is None or message.message_id != event.message_id:
        message = view.open_message = OpenMessage(message_id=event.message_id)
    if event.kind == "text":
        message.text = message.text[: event.offset] + event.text
    else:
        message.reasoning = message.reasoning[: event.offset] + event.text


def _apply_input(view: View, event: ev.Accepted | ev.Processing | ev.InputJoined) -> None:
    if isinstance(event, ev.Accepted):
        submission = event.submission
        if isinstance(submission, UserInput | Edit):
            when: When = "queue" if isinstance(submission, Edit) else submission.when
            if isinstance(submission, UserInput) and view.state == "awaiting_approval":
                when = "steer"
            images = submission.images or msgspec.UNSET
            view.queued.append(QueuedInput(event.submission_id, submission.text, when, event.share_id, images))
        elif isinstance(submission, Compact | Restore):
            view.state, view.turn_id = "running", event.submission_id
        return
    view.state = "running"
    view.turn_id = event.turn_id
    for place, waiting in enumerate(view.queued):
        if waiting.submission_id == event.submission_id:
            del view.queued[place]
            view.messages.append(UserMessage(waiting.text, event.submission_id, event.turn_id, waiting.images))
            return


def _apply_step(view: View, event: ev.ToolStep) -> None:
    call = open_call(view, event.tool_call_id)
    if call is None:
        return
    steps = [] if isinstance(call.steps, msgspec.UnsetType) else call.steps
    place = next((n for n, step in enumerate(steps) if step.step_id == event.step.step_id), len(steps))
    call.steps = [*steps[:place], event.step, *steps[place + 1 :]]


def _apply_message(view: View, event: ev.AssistantMessageEvent) -> None:
    view.open_message = None
    view.messages.append(
        AssistantMessage(
            message_id=event.message_id,
            text=event.text,
            reasoning=event.reasoning,
            tool_calls=event.tool_calls,
            finish_reason=event.finish_reason,
            sealed=event.sealed,
        )
    )


def _apply_tool(view: View, event: ev.ToolCallEvent | ev.ApprovalRequired | ev.ToolStateChange | ev.ToolOutput) -> None:
    if isinstance(event, ev.ToolCallEvent):
        view.open_calls.append(OpenCall(tool_call_id=event.tool_call_id, tool=event.tool, arguments=event.arguments))
        return
    if isinstance(event, ev.ApprovalRequired):
        view.pending_approval = list(event.tools)
        view.state = "awaiting_approval"
        for pending in event.tools:
            waiting = open_call(view, pending.tool_call_id)
            if waiting is not None:
                waiting.state = "awaiting_approval"
        return
    _no_longer_pending(view, event.tool_call_id)
    if isinstance(event, ev.ToolOutput):
        _add_cost(view.usage, event.cost_usd)
    elif isinstance(event.grant, str):
        _add_grant(view, event.grant, event.share_id)
    call = open_call(view, event.tool_call_id)
    if call is None:
        return
    if isinstance(event, ev.ToolOutput):
        _finish_call(view, call, "completed", event.output, event.success, event.truncated, event.duration_ms)
    elif event.state == "running":
        call.state = "running"
    elif event.state == "approved":
        call.state = "approved"
        call.by, call.share_id = ("user" if event.by == "user" else "policy"), event.share_id
        if not isinstance(event.arguments, msgspec.UnsetType):
            call.arguments, call.edited = event.arguments, True
    else:
        output = event.detail or ENDED_WITHOUT_OUTPUT[event.state]
        if event.feedback:
            output = f"{output}\nThe user said: {event.feedback}"
        _finish_call(view, call, event.state, output, False, False, 0)


def _add_grant(view: View, grant: str, share_id: str | msgspec.UnsetType) -> None:
    """Add a grant. It is a guest's only as long as the owner has not given it too."""
    if share_id is msgspec.UNSET:
        view.guest_grants.pop(grant, None)
    elif grant not in view.grants:
        view.guest_grants[grant] = share_id
    if grant not in view.grants:
        view.grants.append(grant)
    view.denials = [denial for denial in view.denials if denial != grant]


def _add_denial(view: View, denial: str) -> None:
    view.grants = [grant for grant in view.grants if grant != denial]
    view.guest_grants.pop(denial, None)
    view.denials = list(dict.fromkeys([*view.denials, denial]))


def _no_longer_pending(view: View, tool_call_id: str) -> None:
    if not view.pending_approval:
        return
    view.pending_approval = [p for p in view.pending_approval if p.tool_call_id != tool_call_id]
    if not view.pending_approval:
        view.state = "running"


def _finish_call(view: View, call: OpenCall, state: str, output: str, success: bool, truncated: bool, ms: int) -> None:
    """Replace the open call by its result, in the order in which the message asked for the calls."""
    view.open_calls.remove(call)
    if view.questions:
        view.questions = [one for one in view.questions if one.tool_call_id != call.tool_call_id]
    result = ToolMessage(
        tool_call_id=call.tool_call_id,
        tool=call.tool,
        output=output,
        success=success,
        truncated=truncated,
        duration_ms=ms,
        state=state,  # type: ignore[arg-type]  # a ToolState that ends a call, or "completed"
        arguments=call.arguments if call.edited else msgspec.UNSET,
        steps=call.steps,
    )
    view.messages.insert(_result_place(view.messages, call.tool_call_id), result)


def _result_place(messages: list[Message], tool_call_id: str) -> int:
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, AssistantMessage):
            order = {call.tool_call_id: number for number, call in enumerate(message.tool_calls)}
            mine = order.get(tool_call_id, len(order))
            place += 1
            while place < len(messages):
                other = messages[place]
                if not isinstance(other, ToolMessage) or order.get(other.tool_call_id, -1) > mine:
                    break
                place += 1
            return place
    return len(messages)


def _apply_saved(view: View, event: ev.WorkspaceSaved) -> None:
    gone = {*event.dropped, event.snapshot_id}
    kept = [snapshot for snapshot in view.snapshots if snapshot.snapshot_id not in gone]
    view.snapshots = [*kept, WorkspaceSnapshot(event.snapshot_id, event.files, event.left_out)]


def _apply_ending(
    view: View,
    event: ev.TurnComplete | ev.Interrupted | ev.ErrorEvent | ev.Compacted | ev.WorkspaceRestored | ev.ShutdownEvent,
) -> None:
    if isinstance(event, ev.ShutdownEvent):
        view.state, view.turn_id = "closed", None
        view.queued, view.grants, view.guest_grants, view.denials = [], [], {}, []
    elif isinstance(event, ev.WorkspaceRestored):
        if view.turn_id == event.operation_id:
            view.state, view.turn_id = "idle", None
    elif isinstance(event, ev.Compacted):
        view.usage.context_tokens = event.new_tokens
        if view.turn_id == event.operation_id:
            view.state, view.turn_id = "idle", None
    elif event.turn_id is not None and event.turn_id == view.turn_id:
        view.state, view.turn_id = "idle", None


def _add_usage(total: Usage, event: ev.UsageEvent) -> None:
    total.input_tokens += event.input_tokens
    total.output_tokens += event.output_tokens
    total.cached_tokens += event.cached_tokens
    _add_cost(total, event.cost_usd)
    if event.tool_call_id is not msgspec.UNSET:
        return
    total.context_tokens = event.context_tokens
    total.context_limit = event.context_limit


def _add_cost(total: Usage, cost_usd: float | msgspec.UnsetType | None) -> None:
    """`None`: it is not known; unset: there is none."""
    if not isinstance(cost_usd, msgspec.UnsetType):
        total.cost_usd = None if total.cost_usd is None or cost_usd is None else total.cost_usd + cost_usd
