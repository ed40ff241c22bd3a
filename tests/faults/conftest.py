"""Fixtures of the fault tests: the count of the faults that were caused."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

TALLY = "faults"
_total: Counter[str] = Counter()


@pytest.fixture
def tally(record_property: Any) -> Iterator[Counter[str]]:
    """What a test counts here (`tally["kills"] += 1`) is summed over all tests and workers and told at the end."""
    counts: Counter[str] = Counter()
    yield counts
    record_property(TALLY, dict(counts))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        for name, value in report.user_properties:
            if name == TALLY and isinstance(value, dict):
                _total.update(value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _total:
        counted = ", ".join(f"{number} {name}" for name, number in sorted(_total.items()))
        terminalreporter.write_line(f"faults counted: {counted}")
