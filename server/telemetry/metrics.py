"""Metrics: what is counted for Prometheus. Label values come from closed sets only."""

import itertools
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from protocol.codes import CLOSES, DENIALS, ERRORS, REFUSALS

OTHER = "other"
"""The label value for everything outside of a closed set."""

OUTCOMES = ("complete", "error", "interrupted", "restart", "shutdown")
STATES = ("idle", "running", "awaiting_approval", "closed")
ANSWERS = ("replay", "snapshot", "gap")
CLOSED_BY = ("client", "server")
TOKENS = ("input", "output", "cached")
CALLS = ("success", "failure")
EXPORTS = ("success", "failure", "no_token", "too_large")
SWEPT = ("given_back", "failed", "no_token")

APPEND_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
SEND_S = (0.00005, 0.0001, 0.00025, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
TURN_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
REPLAY_EVENTS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000)

M = TypeVar("M", Counter, Gauge)
OwnMetric = TypeVar("OwnMetric", "Count", "Histogram")


class ClosedMetric(Collector, Generic[M]):
    """A metric whose label values come from closed sets; any other value counts as `other`.

    Those that nothing has counted yet are made at the first scrape: at the start of a server they would take 5 ms.
    """

    def __init__(self, metric: M, *sets: Iterable[str]) -> None:
        self._sets = tuple(map(frozenset, sets))
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {}

    def of(self, *values: str) -> M:
        """The child for these labels."""
        known = tuple(value if value in one else OTHER for value, one in zip(values, self._sets, strict=True))
        child = self._children.get(known)
        if child is None:
            child = self._children[known] = self._metric.labels(*known)
        return child

    def collect(self) -> Iterator[Metric]:
        """The metric with all its children."""
        for values in itertools.product(*(sorted(one | {OTHER}) for one in self._sets)):
            self.of(*values)
        yield from self._metric.collect()


class SessionStates(Collector):
    """The number of awake sessions in each state, counted at each scrape."""

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


class Count(Collector):
    """A counter that the event loop alone counts: without the client library's locks, which each token would pay for."""

    def __init__(self, name: str, about: str) -> None:
        self._name, self._about = name, about
        self.value = 0
        self._created = time.time()

    def collect(self) -> Iterator[Metric]:
        """The counter."""
        yield CounterMetricFamily(self._name, self._about, value=self.value, created=self._created)


class Histogram(Collector):
    """A histogram that the event loop alone observes: without locks too."""

    def __init__(self, name: str, about: str, bounds: Sequence[float]) -> None:
        self._name, self._about, self._bounds = name, about, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._created = time.time()

    def observe(self, value: float) -> None:
        """Count a value in the first bucket whose bound it does not pass."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterator[Metric]:
        """The histogram; each bucket holds those before it."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        counts = itertools.accumulate(self._counts)
        buckets = list(zip(names, counts, strict=True))
        family = HistogramMetricFamily(self._name, self._about, buckets=buckets, sum_value=self._sum)
        family.add_sample(f"{self._name}_created", {}, self._created)
        yield family


class Metrics:
    """The server's counters, in a registry of their own.

    `models` and `tools` are the names that get a label value of their own: those that the server offers, never those that clients send.
    """

    def __init__(self, models: Iterable[str] = (), tools: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.states = SessionStates()
        self.registry.register(self.states)
        models, tools = list(models), list(tools)
        self.awake = self._gauge("sessions_awake", "Sessions awake now, including those that are waking")
        self.sockets = self._gauge("sockets", "Sockets open now")
        self.connects = ClosedMetric(
            self._counter("connects", "Sockets accepted, by how they were answered: replay, snapshot or gap", "answer"),
            ANSWERS,
        )
        closes = map(str, CLOSES)
        self.closes = ClosedMetric(
            self._counter("socket_closes", "Sockets closed, by websocket close code, and by whom", "code", "by"),
            closes,
            CLOSED_BY,
        )
        self.denials = ClosedMetric(self._counter("denials", "Requests and upgrades refused, by code", "code"), DENIALS)
        self.refusals = ClosedMetric(
            self._counter("refusals", "Submissions and frames refused, by code", "code"), REFUSALS
        )
        self.events = self._registered(Count("holdfast_events", "Events stored and published"))
        self.append_s = self._histogram("append_seconds", "Time until an append was durable", APPEND_S)
        self.send_s = self._histogram(
            "send_seconds", "Time until a message was handed to the client's connection", SEND_S
        )
        self.replays = self._histogram("replay_events", "Events replayed to a client that came back", REPLAY_EVENTS)
        self.turns = ClosedMetric(self._counter("turns", "Turns ended, by outcome", "outcome"), OUTCOMES)
        self.turn_s = self._histogram("turn_seconds", "Duration of a turn, including the wait for approvals", TURN_S)
        self.errors = ClosedMetric(self._counter("errors", "Turns and operations that failed, by code", "code"), ERRORS)
        self.tokens = ClosedMetric(
            self._counter("tokens", "Tokens of model calls as providers count them", "model", "kind"), models, TOKENS
        )
        self.cost_usd = ClosedMetric(
            self._counter("cost_usd", "US dollars of model calls whose price is known", "model"), models
        )
        self.tool_calls = ClosedMetric(
            self._counter("tool_calls", "Tool calls that ended, by outcome", "tool", "outcome"), tools, CALLS
        )

        self.exports = ClosedMetric(
            self._counter("exports", "Sessions exported to their owners' datasets, by outcome", "outcome"), EXPORTS
        )
        self.claims = self._gauge("sandbox_claims", "Remote sandboxes that sessions hold, or may hold")
        self.sandboxes = ClosedMetric(
            self._counter("sandboxes_swept", "Releases of remote sandboxes, by outcome", "outcome"),
            SWEPT,
        )
        for one in vars(self).values():
            if isinstance(one, ClosedMetric):
                self.registry.register(one)

    def watch(self, awake: Callable[[], int], states: Callable[[], Iterable[str]]) -> None:
        """Read the number of awake sessions, and the state of each, at each scrape."""
        self.awake.set_function(awake)
        self.states.states = states

    def text(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"holdfast_{name}", about, labels, registry=None)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"holdfast_{name}", about, registry=self.registry)

    def _histogram(self, name: str, about: str, bounds: Sequence[float]) -> Histogram:
        return self._registered(Histogram(f"holdfast_{name}", about, bounds))

    def _registered(self, own: OwnMetric) -> OwnMetric:
        self.registry.register(own)
        return own
