"""Session state, and `apply`, which folds events into it: live, and when a session is loaded."""

import msgspec

from agent.models.provider_state import bytes_sent_back
from agent.util.text import BYTES_A_TOKEN, estimate, estimate_text
from protocol import events as ev
from protocol import view as views
from protocol.content import AssistantMessage, Effort, Message, ToolCall, ToolMessage, UserMessage
from protocol.submissions import Restore, SetModel, SetTitle
from protocol.view import View


class OwnersModel(msgspec.Struct, frozen=True):
    """The model before a guest chose another; empty: none was chosen."""

    model: str = ""
    reasoning_effort: Effort = ""


class Restoration(msgspec.Struct, frozen=True):
    """A `restore` under way. `present_id`: of the snapshot of what the files were before it."""

    operation_id: str
    snapshot_id: str
    present_id: str


class NotesWriter(msgspec.Struct, frozen=True):
    """Who changed AGENTS.md last: a call of `tool` in the turn `turn_id`. `guest`: the link of a guest whose input is in that turn."""

    digest: str
    tool: str
    turn_id: str
    guest: str = ""


class SessionState(msgspec.Struct, kw_only=True):
    """All that a session's decisions depend on. Everything here follows from the session's events.

    `view` is what clients see. `spent_usd` is the sum of all known or estimated costs; `cost_unknown`: there are others.
    `model_by`: the link by which the guest came who chose the model; empty: it is the owner's or the server's choice. Then
    `owners_model` is what was before.
    The model's context is `summary` and the messages from `context_from` on. `counted_tokens` is what the provider counted
    for the first `counted_messages` messages.
    `turn_guest`: the link of a guest whose input is in the turn; empty if all of it is the owner's. `notes_by`: see there.
    `provider_states`: what the provider wants back with messages of the model, by the messages' ids; the session does not
    read it, and no client gets it.
    """

    view: View = msgspec.field(default_factory=View)
    summary: str = ""
    context_from: int = 0
    model_chosen: bool = False
    model_by: str = ""
    owners_model: OwnersModel = OwnersModel()
    title_chosen: bool = False
    turns_done: int = 0
    in_turn: bool = False
    iterations: int = 0
    compacted_tokens: int = 0
    counted_tokens: int = 0
    counted_messages: int = 0
    history_chars: int = 0
    spent_usd: float = 0.0
    cost_unknown: bool = False
    restoration: Restoration | None = None
    turn_guest: str = ""
    notes_by: NotesWriter | None = None
    provider_states: dict[str, bytes] = {}


PROVIDER_STATE_BYTES_MAX = 4_194_304
"""Bytes of provider state that a session keeps: as much as the largest contexts hold of text. The oldest are dropped first."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SessionState)


def dump(state: SessionState) -> bytes:
    """The state as bytes, for the stored snapshot."""
    return _encoder.encode(state)


def load(data: bytes) -> SessionState:
    """The state from `dump`'s bytes. Raises `msgspec.MsgspecError` if another version wrote them."""
    return _decoder.decode(data)


def apply(state: SessionState, event: ev.Event) -> None:
    """Fold one event into the state."""
    if isinstance(event, ev.AssistantChunk):  # nearly all events are
        views.apply(state.view, event)
        return
    before, model = len(state.view.messages), state.view.model
    if isinstance(event, ev.Processing | ev.InputJoined):
        _note_guest(state, event)
    views.apply(state.view, event)
    if isinstance(event, ev.ToolOutput):
        state.history_chars += len(event.output) + _size_of_steps(state, event.tool_call_id)
    else:
        state.history_chars += sum(map(size, state.view.messages[before:]))
    match event:
        case ev.Processing():
            state.in_turn = True
            state.iterations = 0
        case ev.Accepted(submission=Restore(snapshot_id=snapshot_id)):
            state.restoration = Restoration(event.submission_id, snapshot_id, f"restore-{event.seq}")
        case ev.WorkspaceRestored():
            state.restoration = None
        case ev.NotesChanged():
            guest = "" if event.share_id is msgspec.UNSET else str(event.share_id)
            state.notes_by = NotesWriter(event.digest, event.tool, state.view.turn_id or "", guest)
        case ev.TurnComplete() | ev.Interrupted() | ev.ErrorEvent() | ev.ShutdownEvent():
            if state.view.turn_id is None:
                state.restoration = None
            state.in_turn = state.in_turn and state.view.turn_id is not None
            state.turns_done += isinstance(event, ev.TurnComplete)
        case ev.AssistantMessageEvent():
            state.iterations += 1
        case ev.Accepted(submission=SetModel()):
            _note_who_chooses(state, event.share_id)
        case ev.ModelChanged(reason="unshared"):
            state.provider_states = {}
            state.model_chosen, state.model_by = bool(state.owners_model.model), ""
        case ev.ModelChanged():
            if not state.model_chosen or event.model != model:  # what the server's own model was, no event says
                state.provider_states = {}
            state.model_chosen = True
        case ev.Accepted(submission=SetTitle(title=title)):
            state.title_chosen = bool(title)
        case ev.ToolOutput(cost_usd=float(cost)) | ev.ToolStateChange(estimated_usd=float(cost)):
            state.spent_usd += cost
        case ev.UsageEvent():
            _count(state, event)
        case ev.Compacted():
            state.summary = event.summary
            state.context_from = event.kept_from
            state.compacted_tokens = state.counted_tokens = event.new_tokens
            state.counted_messages = len(state.view.messages)
            _forget_provider_states(state)
        case ev.UndoComplete():
            _forget_provider_states(state)
            state.history_chars = sum(map(size, state.view.messages))
            if state.counted_messages > len(state.view.messages):
                state.counted_messages = state.counted_tokens = 0


def keep_provider_state(state: SessionState, message_id: str, data: bytes) -> None:
    """Keep the provider state of a message whose event was applied last."""
    states = state.provider_states = {**state.provider_states, message_id: data}
    size = sum(map(len, states.values()))
    while size > PROVIDER_STATE_BYTES_MAX:
        size -= len(states.pop(next(iter(states))))


def _forget_provider_states(state: SessionState) -> None:
    """Drop the provider states of messages that are not in the model's context any more."""
    kept = {m.message_id for m in state.view.messages[state.context_from :] if isinstance(m, AssistantMessage)}
    state.provider_states = {name: data for name, data in state.provider_states.items() if name in kept}


def _note_guest(state: SessionState, event: ev.Processing | ev.InputJoined) -> None:
    """An input enters a turn, which is a guest's as soon as one of its inputs is."""
    if isinstance(event, ev.Processing):
        state.turn_guest = ""
    for waiting in state.view.queued:
        if waiting.submission_id == event.submission_id and waiting.share_id is not msgspec.UNSET:
            state.turn_guest = str(waiting.share_id)


def _note_who_chooses(state: SessionState, share_id: str | msgspec.UnsetType) -> None:
    """A `set_model` was accepted; the model changes by the event that follows, if it is another."""
    guest = "" if share_id is msgspec.UNSET else str(share_id)
    if guest and not state.model_by:
        chosen = state.view.model if state.model_chosen else ""
        state.owners_model = OwnersModel(chosen, state.view.reasoning_effort)
    state.model_by = guest


def size(message: Message) -> int:
    """How many code points of the history's limit a message takes."""
    if isinstance(message, UserMessage):
        return len(message.text) + sum(len(image.path) for image in message.images or ())
    if isinstance(message, ToolMessage):
        steps = [] if isinstance(message.steps, msgspec.UnsetType) else message.steps
        outputs = sum(len(step.output) for step in steps if isinstance(step.output, str))
        edited = 0 if isinstance(message.arguments, msgspec.UnsetType) else _length(message.arguments)
        return len(message.output) + outputs + sum(_length(step.arguments) for step in steps) + edited
    return len(message.text) + len(message.reasoning) + sum(map(_call_size, message.tool_calls))


def _call_size(call: ToolCall) -> int:
    malformed = 0 if isinstance(call.malformed, msgspec.UnsetType) else len(call.malformed)
    return _length(call.arguments) + malformed


def _length(arguments: dict[str, object]) -> int:
    return len(msgspec.json.encode(arguments)) if arguments else 0


def _size_of_steps(state: SessionState, tool_call_id: str) -> int:
    for message in reversed(state.view.messages):
        if isinstance(message, ToolMessage) and message.tool_call_id == tool_call_id:
            return size(message) - len(message.output)
    return 0


def _count(state: SessionState, event: ev.UsageEvent) -> None:
    """Count the cost of a model call and, unless a sub-agent made it, the provider's count of the context's tokens."""
    if event.cost_usd is None:
        state.cost_unknown = True
    else:
        state.spent_usd += event.cost_usd
    if event.tool_call_id is msgspec.UNSET:
        state.counted_tokens = event.context_tokens
        state.counted_messages = len(state.view.messages)


def context_tokens(state: SessionState, overhead: int) -> int:
    """About how many tokens the next model call sends: the provider's count as far as it goes, and an estimate.

    `overhead` is an estimate of the system prompt and the tools, used until the provider has counted.
    """
    if state.counted_messages:
        return state.counted_tokens + sum(map(estimate, state.view.messages[state.counted_messages :]))
    messages = state.view.messages[state.context_from :]
    kept = sum(
        bytes_sent_back(state.provider_states[message.message_id], message.reasoning if message.tool_calls else "")
        for message in messages
        if isinstance(message, AssistantMessage) and message.message_id in state.provider_states
    )
    return overhead + estimate_text(state.summary) + sum(map(estimate, messages)) + kept // BYTES_A_TOKEN


def last_turn(state: SessionState) -> int:
    """The index of the last turn's first message; the number of messages if there is no turn."""
    messages = state.view.messages
    turn_id = next((m.turn_id for m in reversed(messages) if isinstance(m, UserMessage)), "")
    begins = turn_begins(state, turn_id)
    return len(messages) if begins is None else begins


def turn_begins(state: SessionState, turn_id: str) -> int | None:
    """The index of this turn's first message; None if there is no such turn."""
    for place, message in enumerate(state.view.messages):
        if isinstance(message, UserMessage) and message.turn_id == turn_id:
            return place
    return None


def last_answer(state: SessionState) -> str:
    """The text of the newest message of the model."""
    return next((m.text for m in reversed(state.view.messages) if isinstance(m, AssistantMessage)), "")
