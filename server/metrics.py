"""What is counted, for Prometheus. Labels come from closed sets only; events are counted, not tokens."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from protocol import events as ev


class Metrics:
    """The server's counters, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.events = Counter("holdfast_events", "Events stored and published", registry=self._registry)
        self.turns = Counter("holdfast_turns", "Turns ended, by how", ["outcome"], registry=self._registry)
        self.refusals = Counter(
            "holdfast_refusals", "Submissions and frames refused, by code", ["code"], registry=self._registry
        )
        self.sockets = Gauge("holdfast_sockets", "Sockets open now", registry=self._registry)
        self.sessions = Gauge("holdfast_sessions_awake", "Sessions awake now", registry=self._registry)

    def watch(self, sessions: Callable[[], int]) -> None:
        """Read the number of awake sessions when asked."""
        self.sessions.set_function(sessions)

    def observe(self, events: Sequence[ev.Event]) -> None:
        """Count what a session stored."""
        self.events.inc(len(events))
        for event in events:
            if isinstance(event, ev.TurnComplete):
                self.turns.labels("complete").inc()
            elif isinstance(event, ev.Interrupted):
                self.turns.labels("interrupted").inc()
            elif isinstance(event, ev.ErrorEvent):
                self.turns.labels("error").inc()

    def text(self) -> bytes:
        """All of it in the Prometheus text format."""
        return generate_latest(self._registry)
