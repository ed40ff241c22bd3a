"""What is counted, for Prometheus. Labels come from closed sets only; events are counted, not tokens."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from protocol.codes import CLOSES, DENIALS, ERRORS, REFUSALS

OTHER = "other"
"""The label of what is not in a closed set."""

OUTCOMES = ("complete", "error", "interrupted", "restart", "shutdown")
STATES = ("idle", "running", "awaiting_approval", "closed")
ANSWERS = ("replay", "snapshot", "gap")
TOKENS = ("input", "output", "cached")
CALLS = ("success", "failure")
EXPORTS = ("success", "failure", "no_token", "too_large")
SWEPT = ("given_back", "failed", "no_token")

APPEND_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
SEND_S = (0.00005, 0.0001, 0.00025, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
TURN_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
REPLAY_EVENTS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000)

M = TypeVar("M", Counter, Gauge)


class Closed(Generic[M]):
    """A metric's children, made ahead for every combination of its labels' closed sets; what is in none is `other`."""

    def __init__(self, metric: M, *sets: Iterable[str]) -> None:
        self._sets = tuple(map(frozenset, sets))
        every = itertools.product(*(sorted(one | {OTHER}) for one in self._sets))
        self._children: dict[tuple[str, ...], M] = {values: metric.labels(*values) for values in every}

    def of(self, *values: str) -> M:
        """The child for these labels."""
        return self._children[
            tuple(value if value in known else OTHER for value, known in zip(values, self._sets, strict=True))
        ]


class SessionStates(Collector):
    """How many awake sessions are in each state, counted when somebody asks."""

    def __init__(self) -> None:
        self.states: Callable[[], Iterable[str]] = lambda: ()

    def collect(self) -> Iterator[Metric]:
        """The gauge."""
        counted = dict.fromkeys((*STATES, OTHER), 0)
        for state in self.states():
            counted[state if state in counted else OTHER] += 1
        family = GaugeMetricFamily("holdfast_sessions", "Sessions awake now, by state", labels=["state"])
        for state, count in counted.items():
            family.add_metric([state], count)
        yield family


class Metrics:
    """The server's counters, in a registry of their own.

    `models` and `tools` are the names that get a label of their own: those a server offers, never those clients bring.
    """

    def __init__(self, models: Iterable[str] = (), tools: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.states = SessionStates()
        self.registry.register(self.states)
        models, tools = list(models), list(tools)
        self.awake = self._gauge("sessions_awake", "Sessions awake now, those on their way included")
        self.sockets = self._gauge("sockets", "Sockets open now")
        self.connects = Closed(
            self._counter("connects", "Sockets accepted, by what they were told first", "answer"), ANSWERS
        )
        closes = map(str, CLOSES)
        self.closes = Closed(self._counter("socket_closes", "Sockets closed, by websocket close code", "code"), closes)
        self.denials = Closed(
            self._counter("denials", "Requests and upgrades refused at the door, by code", "code"), DENIALS
        )
        self.refusals = Closed(self._counter("refusals", "Submissions and frames refused, by code", "code"), REFUSALS)
        self.events = self._counter("events", "Events stored and published")
        self.append_s = self._histogram("append_seconds", "Time an append took until it was durable", APPEND_S)
        self.send_s = self._histogram(
            "send_seconds", "Time a message took until the client's connection took it", SEND_S
        )
        self.replays = self._histogram("replay_events", "Events a client that came back had missed", REPLAY_EVENTS)
        self.turns = Closed(self._counter("turns", "Turns ended, by how", "outcome"), OUTCOMES)
        self.turn_s = self._histogram("turn_seconds", "Time a turn took, approvals waited for included", TURN_S)
        self.errors = Closed(self._counter("errors", "Turns and operations that failed, by code", "code"), ERRORS)
        self.tokens = Closed(
            self._counter("tokens", "Tokens of model calls as providers count them", "model", "kind"), models, TOKENS
        )
        self.cost_usd = Closed(
            self._counter("cost_usd", "US dollars of model calls whose price is known", "model"), models
        )
        self.tool_calls = Closed(
            self._counter("tool_calls", "Tool calls that came to a result", "tool", "outcome"), tools, CALLS
        )

        self.exports = Closed(
            self._counter("exports", "Sessions put into their owners' datasets, by outcome", "outcome"), EXPORTS
        )
        self.claims = self._gauge("sandbox_claims", "Sandboxes elsewhere that sessions have, or may have")
        self.sandboxes = Closed(
            self._counter("sandboxes_swept", "Sandboxes elsewhere to be given back, by what came of it", "outcome"),
            SWEPT,
        )

    def watch(self, awake: Callable[[], int], states: Callable[[], Iterable[str]]) -> None:
        """Read the number of awake sessions, and the state of each, when asked."""
        self.awake.set_function(awake)
        self.states.states = states

    def text(self) -> bytes:
        """All of it in the Prometheus text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"holdfast_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"holdfast_{name}", about, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: Any) -> Histogram:
        return Histogram(f"holdfast_{name}", about, buckets=buckets, registry=self.registry)
