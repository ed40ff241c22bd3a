"""Operations document: it names every metric, with its unit and its labels, and no other."""

import re

from server.journal.nodes.counts import NodeCounts
from server.telemetry.metrics import Metrics
from server.telemetry.node_metrics import watch_nodes
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ROWS = {
    name: (kind, unit, set(re.findall(r"`(\w+)`(?=:)", labels)))
    for name, kind, unit, labels in re.findall(
        r"^\| `(holdfast_\w+)` \| (\w+) \| ([^|]+) \| ([^|]*) \|", PAGE, re.MULTILINE
    )
}
SUFFIXES = re.compile(r"_(bucket|count|sum|created)$")


def test_every_metric_is_on_the_page_with_its_type_and_labels_and_none_beside_them() -> None:
    registered = {}
    metrics = Metrics(["m"], ["t"])
    watch_nodes(metrics, NodeCounts(), lambda: 0, lambda: 0.0)
    for family in metrics.registry.collect():
        if not family.name.startswith("holdfast_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        registered[name] = (family.type, labels)
    assert {name: (kind, labels) for name, (kind, _, labels) in ROWS.items()} == registered


def test_a_metric_in_seconds_or_dollars_says_so_in_its_name() -> None:
    for name, (_, unit, _) in ROWS.items():
        assert ("_seconds" in name) == (unit == "seconds"), name
        assert ("_usd" in name) == (unit == "US dollars"), name
