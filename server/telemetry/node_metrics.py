"""Node metrics: what servers that share a database count beside the rest. A server that is alone has none of them."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from server.journal.nodes.counts import NodeCounts
from server.telemetry.metrics import Histogram, Metrics

LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

COUNTERS = (
    ("takeovers", "Sessions of lost servers that this one went on with"),
    ("fenced", "Sessions stopped because the lease was over, or another server had declared this one dead"),
    ("declared_dead", "Servers that this one declared dead"),
    ("reconnects", "Connections that write to the database made anew"),
    ("notify_missed", "Sessions of which more was found stored than other servers had told"),
)
_NAMES = {"reconnects": "journal_reconnects"}


class NodeCollector(Collector):
    """The counters, the sessions that are owned and the age of the last beat, read at each scrape."""

    def __init__(self, counts: NodeCounts, owned: Callable[[], int], beat_age_s: Callable[[], float]) -> None:
        self._counts = counts
        self._owned = owned
        self._beat_age_s = beat_age_s

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        for name, about in COUNTERS:
            yield CounterMetricFamily(f"holdfast_{_NAMES.get(name, name)}", about, value=getattr(self._counts, name))
        yield GaugeMetricFamily(
            "holdfast_owned_sessions", "Sessions that this server runs, and no other may", value=self._owned()
        )
        yield GaugeMetricFamily(
            "holdfast_beat_age_seconds", "Time since this server last beat in the database", value=self._beat_age_s()
        )


def watch_nodes(
    metrics: Metrics, counts: NodeCounts, owned: Callable[[], int], beat_age_s: Callable[[], float]
) -> None:
    """Have these metrics told with the others. `owned`: gives how many sessions this server owns."""
    metrics.registry.register(NodeCollector(counts, owned, beat_age_s))
    lag = Histogram(
        "holdfast_feed_lag_seconds", "Time until followers had what another server was known to have stored", LAG_S
    )
    wait = Histogram(
        "holdfast_inbox_wait_seconds", "Time until a submission to a session elsewhere was answered", LAG_S
    )
    for histogram in (lag, wait):
        metrics.registry.register(histogram)
    counts.feed_lag, counts.inbox_wait = lag.observe, wait.observe
