"""Scripts for the session's state machine: given inputs, which events follow. Checks the invariants after every input."""

from itertools import count
from typing import Any

import msgspec

from agent.models import ModelReply, ModelUsage, RawToolCall
from agent.policy.effects import Effects
from agent.session import context
from agent.session import state as states
from agent.session.decide import decide
from agent.session.messages import (
    CallModel,
    Decision,
    Delta,
    Effect,
    Input,
    ModelDone,
    ModelFailed,
    RunTool,
    SubmissionRefusal,
    Summarize,
    SummaryDone,
    ToolDone,
)
from agent.session.session import Rules, Session
from agent.session.settings import ConversationLimits, TurnSettings
from agent.session.state import SessionState
from agent.tools import PreparedCall, StructTool, ToolResult
from protocol import codec
from protocol import events as ev
from protocol import submissions as sub
from protocol.content import AssistantMessage
from tests.support.constants import built_in
from tests.support.models.strict_messages import complaint

NOW = "2026-01-01T00:00:00.000Z"
USAGE = ModelUsage(input_tokens=100, output_tokens=10, cached_tokens=0, cost_usd=0.01)


EFFECTS: dict[str, Effects] = {
    "read": Effects(),
    "plan": Effects(),
    "edit": Effects(),
    "write": Effects("writes a file", frozenset({"write_outside"})),
    "job": Effects("runs a job", frozenset({"spend"}), "run", 2.0),
    "riddle": Effects("runs a job on hardware of no known price", frozenset({"spend"}), "run", None),
    "wipe": Effects("deletes a repository", frozenset({"delete"})),
}
"""The tools of the scripts and their effects: calls without kinds of effect need no approval."""


class Nothing(msgspec.Struct):
    pass


class Unrun(StructTool[Nothing]):
    """The tool of a prepared call that a script only decides on: no decision runs it."""

    name = "unrun"
    description = "Not run."
    arguments = Nothing


class PlainTools:
    """Tool rules as data; anything else is unknown."""

    def prepare(self, name: str, arguments: dict[str, Any]) -> PreparedCall | str:
        if name not in EFFECTS:
            return f"there is no tool {name!r}"
        if not isinstance(arguments.get("path", ""), str):
            return "`path` must be a string"
        return PreparedCall(Unrun(), arguments, self.effects(name))

    def effects(self, name: str) -> Effects:
        """What a call of the tool would do."""
        return EFFECTS[name]

    def side_effects(self, name: str) -> str | None:
        return {"write": "files written", "edit": "files edited"}.get(name)


def rules(**changes: Any) -> Rules:
    """Rules for tests, with changes of their fields, of `TurnSettings` and of `ConversationLimits`; what is built in is changed until the test ends."""
    defaults: dict[str, Any] = {
        "tools": PlainTools(),
        "context_limit": lambda model: 100_000,
        "refuse_model": lambda model: "there is no such model" if model == "nope" else None,
        "system_prompt": "You help.",
    }
    fields = {name: changes.pop(name) for name in [*changes] if name in Rules.__struct_fields__}
    changes = built_in("turn", built_in("sessions", changes))
    groups: dict[str, Any] = {"turn": TurnSettings, "limits": ConversationLimits}
    for name, kind in groups.items():
        own = {key: changes.pop(key) for key in [*changes] if key in kind.__struct_fields__}
        defaults[name] = kind(**own)
    return Rules(**(defaults | changes | fields))


class Script:
    """One session that gets inputs step by step; `events` are all it has emitted."""

    def __init__(self, **changes: Any) -> None:
        self.rules = rules(**changes)
        self.session = Session(SessionState(), self.rules)
        self.session.state.view.model = "test/model"
        self.events: list[ev.Event] = []
        self.provider_states: dict[int, bytes] = {}
        self.effects: list[Effect] = []
        self.answer: ev.Accepted | SubmissionRefusal | None = None
        self._ids = count(1)

    @property
    def view(self) -> Any:
        return self.session.state.view

    def handle(self, message: Input, share_id: str = "") -> list[str]:
        """Give one input; the types of the events that follow. `share_id`: of the link that its sender came by."""
        decision = decide(self.session, message, NOW, share_id)
        self.events += decision.events
        self.provider_states |= decision.provider_states
        self.effects = list(decision.effects)
        self.answer = decision.answer
        self._hold(decision)
        return [tag(event) for event in decision.events]

    def submit(self, submission: sub.Submission, share_id: str = "") -> list[str]:
        """Submit, with an id if the submission has none. `share_id`: of the link that the sender came by."""
        if submission.id is msgspec.UNSET:
            submission = msgspec.structs.replace(submission, id=f"s{next(self._ids)}")
        return self.handle(submission, share_id)

    def link(self, access: Any = "drive") -> str:
        """Make a link; its id."""
        self.submit(sub.Share(access=access))
        return str(self.last(ev.Shared).share_id)

    def say(self, text: str, when: Any = "queue") -> list[str]:
        return self.submit(sub.UserInput(text=text, when=when))

    def approve(self, *call_ids: str, **fields: Any) -> list[str]:
        return self.submit(
            sub.ExecApproval(approvals=[sub.Approval(tool_call_id=i, approved=True, **fields) for i in call_ids])
        )

    def approve_for_session(self, *call_ids: str) -> list[str]:
        return self.approve(*call_ids, scope="session")

    def reject(self, *call_ids: str, feedback: str = "") -> list[str]:
        return self.submit(
            sub.ExecApproval(
                approvals=[sub.Approval(tool_call_id=i, approved=False, feedback=feedback) for i in call_ids]
            )
        )

    def stream(self, text: str, kind: Any = "text") -> list[str]:
        """A delta of the model's message."""
        return self.handle(Delta(self.session.model_call_id or "", kind, text))

    def finish(self, *calls: RawToolCall, reason: str = "stop", usage: ModelUsage | None = USAGE) -> list[str]:
        """The model's message ends."""
        reason = "tool_calls" if calls and reason == "stop" else reason
        return self.handle(ModelDone(self.session.model_call_id or "", ModelReply(tuple(calls), reason, usage)))

    def model_fails(self, code: str = "model_unavailable", retryable: bool = True) -> list[str]:
        return self.handle(ModelFailed(self.session.model_call_id or "", code, "the provider failed", retryable))

    def tool_done(self, call_id: str, output: str = "done", success: bool = True, **fields: Any) -> list[str]:
        return self.handle(ToolDone(call_id, ToolResult(output=output, success=success, **fields), 5))

    def summarised(self, text: str = "They talked.") -> list[str]:
        return self.handle(SummaryDone(self.session.summary_id or "", text, ModelReply((), "stop", USAGE)))

    def restart(self) -> None:
        """The process ends: a new session from the fold of the events."""
        model = self.view.model
        state = SessionState()
        for event in self.events:
            self._load(state, event)
        state.view.model = model
        self.session = Session(state, self.rules)

    def called(self) -> CallModel:
        """The model call that followed from the last input."""
        return next(effect for effect in self.effects if isinstance(effect, CallModel))

    @property
    def calls_model(self) -> bool:
        return any(isinstance(effect, CallModel) for effect in self.effects)

    def ran(self) -> list[RunTool]:
        """The tool calls that followed from the last input."""
        return [effect for effect in self.effects if isinstance(effect, RunTool)]

    def summarizes(self) -> bool:
        return any(isinstance(effect, Summarize) for effect in self.effects)

    def last(self, kind: type[Any]) -> Any:
        """The newest event of a kind."""
        return next(event for event in reversed(self.events) if isinstance(event, kind))

    def _load(self, state: SessionState, event: ev.Event) -> None:
        """Apply an event with what is stored beside it."""
        states.apply(state, event)
        if isinstance(event, ev.AssistantMessageEvent) and event.seq in self.provider_states:
            states.keep_provider_state(state, event.message_id, self.provider_states[event.seq])

    def _hold(self, decision: Decision) -> None:
        seqs = [event.seq for event in self.events]
        assert seqs == list(range(1, len(seqs) + 1)), "seq has a hole"
        folded = SessionState()
        for event in self.events:
            self._load(folded, codec.decode_event(codec.encode(event)))
        folded.view.model = self.view.model
        assert folded == self.session.state, "the fold of the journal is not the live state"
        assert states.load(states.dump(folded)) == folded, "the state does not survive its snapshot"
        for effect in decision.effects:
            if isinstance(effect, CallModel):
                messages = without_state(effect.messages)
                assert complaint(messages) is None, complaint(messages)
        wire = without_state(context.build(self.session.state, "You help."))
        if not self.view.open_calls:
            if wire[-1]["role"] in ("assistant", "system"):
                wire.append({"role": "user", "content": "and now?"})
            assert complaint(wire) is None, complaint(wire)
        ids = [c.tool_call_id for m in self.view.messages if isinstance(m, AssistantMessage) for c in m.tool_calls]
        assert len(ids) == len(set(ids)), "a tool_call_id is used twice"


def without_state(messages: list[dict[str, object]]) -> list[dict[str, object]]:
    """The messages as a provider gets them: what is kept of its state is put back under other names."""
    return [{name: value for name, value in one.items() if name != "provider_state"} for one in messages]


def tag(event: ev.Event) -> str:
    return str(type(event).__struct_config__.tag)


def call(call_id: str, name: str = "read", arguments: str = "{}") -> RawToolCall:
    return RawToolCall(call_id, name, arguments)
