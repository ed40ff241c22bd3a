"""Session observer: metrics, log lines and spans of one awake session, made from its recorded events."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import msgspec

from agent.util.tracing import NO_TRACER, Span, Tracer
from protocol import events as ev
from server.telemetry import log_context
from server.telemetry.log_context import LogContext, UserHashes
from server.telemetry.metrics import Metrics
from server.telemetry.tracing import Tracing

log = logging.getLogger("holdfast.turn")


class Tally(msgspec.Struct):
    """A turn so far. `model_calls`: those whose usage the provider reported."""

    turn_id: str
    began: float
    model_calls: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Observer:
    """Runs in its actor's task, so that the log context that it binds holds for the actor and its worker.

    `appended`: counts an append that took so many seconds.
    """

    __slots__ = ("_clock", "_context", "_metrics", "_model", "_span", "_spans", "_turn", "appended", "tracer")

    def __init__(
        self,
        metrics: Metrics,
        context: LogContext,
        tracer: Tracer = NO_TRACER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self.appended = metrics.append_s.observe
        self._context = context
        self._model = ""
        self._clock = clock
        self._turn: Tally | None = None
        self.tracer = tracer
        self._span: Span | None = None
        self._spans: ExitStack | None = None  # while there is a span

    def begin(self, model: str, turn_id: str | None) -> None:
        """The actor's task runs. `turn_id`: of a turn that was under way when the session fell asleep."""
        self._model = model
        log_context.enter(self._context)
        if turn_id is not None:
            self._begin_turn(turn_id)

    def close(self) -> None:
        """The actor's task ends: so does the span of a turn that waits on."""
        spans, self._spans, self._span = self._spans, None, None
        if spans is not None:
            spans.close()

    def on_events(self, events: Sequence[ev.Event]) -> None:
        """Count events that were recorded and delivered."""
        self._metrics.events.value += len(events)
        for event in events:
            if not isinstance(event, (ev.AssistantChunk, ev.ToolLog)):
                self._on_event(event)

    def _on_event(self, event: ev.Event) -> None:
        match event:
            case ev.Processing():
                self._begin_turn(event.turn_id)
            case ev.ModelChanged():
                self._model = event.model
            case ev.UsageEvent():
                self._used(event)
            case ev.AssistantMessageEvent():
                self._called_model()
            case ev.ToolOutput():
                self._metrics.tool_calls.of(event.tool, "success" if event.success else "failure").inc()
                if self._turn is not None:
                    self._turn.tool_calls += 1
            case ev.TurnComplete():
                self._end_turn(event.turn_id, "complete")
            case ev.Interrupted():
                self._end_turn(event.turn_id, "interrupted" if event.reason == "user" else event.reason)
            case ev.ErrorEvent():
                self._metrics.errors.of(event.code).inc()
                log.warning("failed: %s", event.code)
                if self._span is not None:
                    self._span.fail(event.code)
                self._end_turn(event.turn_id, "error")

    def _begin_turn(self, turn_id: str) -> None:
        self.close()
        self._turn = Tally(turn_id, self._clock())
        about = {"gen_ai.conversation.id": self._context.session, "holdfast.turn.id": turn_id}
        self._spans = ExitStack()
        self._span = self._spans.enter_context(self.tracer.span("invoke_agent", "holdfast", about))
        log_context.bind(turn=turn_id)

    def _called_model(self) -> None:
        """Not every provider reports usage; each call of the session itself that gives anything gives a message."""
        if self._turn is not None:
            self._turn.model_calls += 1

    def _used(self, usage: ev.UsageEvent) -> None:
        counted = {"input": usage.input_tokens, "output": usage.output_tokens, "cached": usage.cached_tokens}
        for kind, tokens in counted.items():
            self._metrics.tokens.of(self._model, kind).inc(max(0, tokens))
        if usage.cost_usd is not None:
            self._metrics.cost_usd.of(self._model).inc(max(0.0, usage.cost_usd))
        if self._turn is not None:
            self._turn.model_calls += isinstance(usage.tool_call_id, str)  # of a sub-agent, whose messages are not here
            self._turn.input_tokens += usage.input_tokens
            self._turn.output_tokens += usage.output_tokens

    def _end_turn(self, turn_id: str | None, outcome: str) -> None:
        """Compactions end by the same events, under an id that is no turn's."""
        turn = self._turn
        if turn is None or turn.turn_id != turn_id:
            return
        took = self._clock() - turn.began
        self._metrics.turns.of(outcome).inc()
        self._metrics.turn_s.observe(took)
        log.info(
            "turn ended: %s after %.3f s, %d model calls, %d tool calls, %d tokens in, %d out",
            outcome,
            took,
            turn.model_calls,
            turn.tool_calls,
            turn.input_tokens,
            turn.output_tokens,
        )
        self._note(turn, outcome)
        self._turn = None
        self.close()
        log_context.bind(turn="")

    def _note(self, turn: Tally, outcome: str) -> None:
        if self._span is not None:
            self._span.set_attributes(
                {
                    "holdfast.outcome": outcome,
                    "gen_ai.usage.input_tokens": turn.input_tokens,
                    "gen_ai.usage.output_tokens": turn.output_tokens,
                }
            )


class ObserverFactory:
    """Makes the observer of each session that wakes."""

    def __init__(self, metrics: Metrics, users: UserHashes, tracing: Tracing) -> None:
        self.tracing = tracing
        self._metrics = metrics
        self._users = users

    def create(self, session_id: str, user_id: str) -> Observer:
        """The observer of one session."""
        return Observer(
            self._metrics, LogContext(session=session_id, user=self._users.of(user_id)), self.tracing.tracer
        )
