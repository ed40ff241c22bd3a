"""Session: its state, the rules it decides by, and the events and effects of the decision under way."""

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from agent.models import ModelUsage
from agent.policy.policy import Policy
from agent.redaction import PATTERNS, RedactionStream, Redactor
from agent.session import state as states
from agent.session.messages import CancelWork, Decision, Effect, RunTool, SubmissionRefusal
from agent.session.settings import ConversationLimits, TurnSettings
from agent.session.state import SessionState
from agent.tools.base import PreparedCall
from agent.util.text import estimate_text
from protocol import events as ev
from protocol.content import ChunkKind, OpenCall, ToolState
from protocol.submissions import Submission, submission_id

LOG: Literal["log"] = "log"
"""The kind of a running tool's live output; the other kinds are those of a model's message."""

TextKind = Literal["text", "reasoning", "log"]


OVERHEAD_TOKENS = 2_000
"""Tokens of context that are counted for the system prompt and the tools' descriptions before a model has reported its
own count. With the built-in tools it is near that."""

REPEATED_CALLS_NOTED = 3
"""Messages with the same call and the same result after which the model is told. Two may be a retry with a reason."""

REPEATED_CALLS_MAX = 5
"""Messages with the same call and the same result after which the turn ends: two after the model was told."""

TOOL_CALLS_PER_MESSAGE_MAX = 32
"""Tool calls that run of one message of the model; the rest are refused. Models rarely make more than ten."""

GRANTS_MAX = 256
"""Things that one session may allow at once. All are kept in its state; `web_fetch` is allowed host by host."""

SHARES_MAX = 32
"""Links into one session at once. Each is kept in the session's state, which is loaded whole."""

CHUNK_MAX_CHARS = 65_536
"""Longest text of one `assistant_chunk` or `tool_log`: with its JSON escapes it stays far below every frame limit."""


class ToolRules(Protocol):
    """What a session must know of the tools; the ToolRouter implements it."""

    def prepare(self, name: str, arguments: dict[str, Any]) -> PreparedCall | str:
        """A call and what it would do in the world; or a complaint for the model: unknown tool, or arguments that do not
        fit."""

    def side_effects(self, name: str) -> str | None:
        """What undo cannot take back."""


class Rules(msgspec.Struct, kw_only=True):
    """The settings and facts that a session decides by: plain data and pure functions.

    `context_limit`: tokens that a model takes. `cost_usd`: what a model's call costs, by the tokens sent and written. `refuse_model`: why a model cannot be chosen, or None. `refuse_work`: why
    the user may not begin work now, or None. `makes_titles`: whether a model is called for titles. `default_model`: answers where none was chosen.
    `saves_workspace`: whether snapshots of the session's files can be taken.
    """

    tools: ToolRules
    context_limit: Callable[[str], int]
    refuse_model: Callable[[str], str | None]
    cost_usd: Callable[[str, int, int], float | None] = lambda model, sent, wrote: None
    policy: Policy = Policy()
    redactor: Redactor = Redactor(patterns=PATTERNS)
    refuse_work: Callable[[], SubmissionRefusal | None] = lambda: None
    system_prompt: str = ""
    turn: TurnSettings = TurnSettings()
    limits: ConversationLimits = ConversationLimits()
    makes_titles: Callable[[str], bool] = lambda model: False
    default_model: str = ""
    saves_workspace: bool = False
    overhead_tokens: int = msgspec.field(default_factory=lambda: OVERHEAD_TOKENS)
    repeated_calls_noted: int = REPEATED_CALLS_NOTED
    repeated_calls_max: int = REPEATED_CALLS_MAX
    tool_calls_per_message_max: int = TOOL_CALLS_PER_MESSAGE_MAX
    shares_max: int = SHARES_MAX
    grants_max: int = GRANTS_MAX
    chunk_max_chars: int = CHUNK_MAX_CHARS


EventT = TypeVar("EventT", bound=ev.EventBase)


class Session:
    """A session's state, the ids of its calls under way, and the decision under way.

    `share_id`: of the link that the sender of the input under decision came by; empty for the owner.

    `leaving`: no further turn begins here. `saving`: id of the snapshot that is being taken; `held_calls` start after it. `save_tried`: id of the last one that was.

    `emit` folds each event into the state at once, so that the rest of the decision sees it. The caller of `decide` stores
    the events before anybody sees them or an effect begins. If they cannot be stored, it loads the Session anew.
    """

    __slots__ = (
        "_effects",
        "_events",
        "_now",
        "_provider_states",
        "_streams",
        "held_calls",
        "kept_from",
        "leaving",
        "model_call_id",
        "rules",
        "save_tried",
        "saving",
        "share_id",
        "state",
        "summary_id",
        "title_asked",
        "title_id",
    )

    def __init__(self, state: SessionState, rules: Rules, *, leaving: bool = False) -> None:
        self.state = state
        self.rules = rules
        self.leaving = leaving
        self.model_call_id: str | None = None
        self.summary_id: str | None = None
        self.title_id: str | None = None
        self.title_asked = False
        self.kept_from = 0
        self.saving: str | None = None
        self.save_tried: str | None = None
        self.held_calls: list[RunTool] = []
        self._streams: dict[tuple[str, TextKind], RedactionStream] = {}
        self.share_id = ""
        self._now = ""
        self._events: list[ev.Event] = []
        self._effects: list[Effect] = []
        self._provider_states: dict[int, bytes] = {}

    def begin(self, now: str, share_id: str = "") -> None:
        """Begin a decision at `now` (RFC 3339, UTC). `share_id`: of the link that the sender of the input came by; empty
        for the owner."""
        self._now, self.share_id = now, share_id
        self._provider_states = {}

    def decision(self, answer: ev.Accepted | SubmissionRefusal | None) -> Decision:
        """What was decided since `begin`. Of it nothing is kept here."""
        decision = Decision(tuple(self._events), tuple(self._effects), answer, self._provider_states)
        self._events.clear()
        self._effects.clear()
        return decision

    def emit(self, what: type[EventT], /, **fields: Any) -> EventT:
        """Add the session's next event to the decision, and fold it into the state."""
        event = what(seq=self.state.view.seq + 1, at=self._now, **fields)
        states.apply(self.state, event)  # type: ignore[arg-type]  # EventT is one of the union's members
        self._events.append(event)  # type: ignore[arg-type]
        return event

    def emit_chunk(self, message_id: str, offset: int, text: str, kind: ChunkKind) -> None:
        """As `emit`, of a piece of the open message: nearly all events are, and their fields by name cost five times as much there."""
        seq, at = self.state.view.seq + 1, self._now
        event = ev.AssistantChunk(seq=seq, at=at, message_id=message_id, offset=offset, text=text, kind=kind)
        states.apply(self.state, event)
        self._events.append(event)

    def keep_provider_state(self, event: ev.AssistantMessageEvent, data: bytes) -> None:
        """Keep what the provider wants back with this message, the newest event. It is stored with the event, and not in it."""
        states.keep_provider_state(self.state, event.message_id, data)
        self._provider_states[event.seq] = data

    def emit_usage(
        self,
        usage: ModelUsage,
        context_tokens: int,
        context_limit: int,
        tool_call_id: str | msgspec.UnsetType = msgspec.UNSET,
    ) -> None:
        """Emit `usage` for one model call. `tool_call_id`: the call whose sub-agent made it; unset: the session itself."""
        self.emit(
            ev.UsageEvent,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cost_usd=usage.cost_usd,
            context_tokens=context_tokens,
            context_limit=context_limit,
            tool_call_id=tool_call_id,
            estimated=usage.estimated or msgspec.UNSET,
        )

    def accept(self, submission: Submission) -> ev.Accepted:
        """Emit that the submission is accepted."""
        return self.emit(
            ev.Accepted, submission_id=submission_id(submission), submission=submission, share_id=self.guest
        )

    @property
    def guest(self) -> str | msgspec.UnsetType:
        """The link that the sender of the input came by, for an event's `share_id`; unset for the owner."""
        return self.share_id or msgspec.UNSET

    def add_effect(self, effect: Effect) -> None:
        """Add an effect to the decision. It begins once the events are stored."""
        self._effects.append(effect)

    def redaction_stream(self, key: str, kind: TextKind) -> RedactionStream:
        """The stream that redacts a text while it arrives. `key`: id of the message or of the tool call."""
        stream = self._streams.get((key, kind))
        if stream is None:
            stream = self._streams[key, kind] = self.rules.redactor.stream()
        return stream

    def finish_stream(self, key: str, kind: TextKind) -> str:
        """The text is complete: what was held back of it."""
        stream = self._streams.pop((key, kind), None)
        if not self._streams:
            self._streams.clear()  # frees its table
        return "" if stream is None else stream.flush()

    def abort_streams(self) -> list[tuple[str, TextKind, str]]:
        """All texts end early: the harmless part of what was held back, by id and kind."""
        rests = [(key, kind, stream.cut()) for (key, kind), stream in self._streams.items()]
        self._streams.clear()
        return rests

    @property
    def working(self) -> bool:
        """Whether a turn or a compaction is under way; a turn that waits for an approval is."""
        return self.state.view.turn_id is not None

    def stop_work(self, state: ToolState, by: str, finish_reason: str) -> None:
        """End unfinished work: seal the open message, end every open call as `state`, cancel what runs.

        The provider counts no call that is cut short, and is paid for it all the same: an estimate is counted.
        """
        view = self.state.view
        calls_model = self.model_call_id is not None or view.open_message is not None
        sent = self.sent_tokens() if calls_model or self.summary_id is not None else 0
        self.model_call_id = self.summary_id = self.title_id = None
        self.drop_held_calls()
        self.add_effect(CancelWork())
        message = view.open_message
        wrote = estimate_text(message.text) + estimate_text(message.reasoning) if message is not None else 0
        seal(self, finish_reason)
        if sent:
            cost = self.rules.cost_usd(view.model, sent, wrote)
            usage = ModelUsage(sent, wrote, 0, cost, estimated=True)
            self.emit_usage(usage, self.sent_tokens(), self.rules.context_limit(view.model))
        for call in list(view.open_calls):
            ended: ToolState = state
            if call.state == "awaiting_approval":
                ended = "abandoned"
            elif call.state != "running" and state == "outcome_unknown":
                ended = "cancelled"
            self.end_call(call, ended, by)

    def drop_held_calls(self) -> None:
        """The work ends: no call waits for a snapshot any more."""
        self.saving, self.held_calls = None, []

    def sent_tokens(self) -> int:
        """About how many tokens a model call sends now."""
        return states.context_tokens(self.state, self.rules.overhead_tokens)

    def end_call(self, call: OpenCall, state: ToolState, by: str, detail: str = "") -> None:
        """The call ends without a result. If it ran, its cost is not known, so its estimate is counted. `detail`: why."""
        estimated_usd = self.estimate(call.tool, call.arguments) if call.state == "running" else 0.0
        self.emit(
            ev.ToolStateChange,
            tool_call_id=call.tool_call_id,
            tool=call.tool,
            state=state,
            by=by,
            estimated_usd=estimated_usd or msgspec.UNSET,
            detail=detail or msgspec.UNSET,
        )

    def estimate(self, tool: str, arguments: dict[str, Any]) -> float:
        """The estimated cost of a call in US dollars; 0 if it is unknown."""
        call = self.rules.tools.prepare(tool, arguments)
        return 0.0 if isinstance(call, str) else call.effects.cost_usd or 0.0


def seal(session: Session, finish_reason: str) -> None:
    """Keep the received part of the open message, marked as cut short."""
    message = session.state.view.open_message
    if message is None:
        return
    session.emit(
        ev.AssistantMessageEvent,
        message_id=message.message_id,
        text=message.text,
        reasoning=message.reasoning,
        tool_calls=[],
        finish_reason=finish_reason,
        sealed=True,
    )
