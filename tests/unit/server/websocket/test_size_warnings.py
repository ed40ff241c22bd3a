"""Size warnings: a client that does not take a message of its size is logged once a session, and nobody else is."""

import math

import pytest

from server.websocket.size_warnings import BEHIND_S, SizeWarnings

MOST = 2**24


def test_a_client_that_refuses_a_message_is_logged_with_its_reason_and_the_remedy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    SizeWarnings().ended("s1", (1009, "too big"), 300_000, 60.0, MOST)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    for part in ("s1", "1009 'too big'", "300000", str(MOST), "max_message"):
        assert part in record.getMessage()


@pytest.mark.parametrize("since_s", [0.1, -math.inf])
def test_a_cut_behind_a_large_message_or_within_it_is_logged(caplog: pytest.LogCaptureFixture, since_s: float) -> None:
    SizeWarnings().ended("s1", None, 300_000, since_s, MOST)
    assert "cut the connection right behind a message of 300000 bytes" in caplog.text


@pytest.mark.parametrize(
    ("close", "large", "since_s"),
    [(None, 300_000, BEHIND_S), (None, 0, 0.0), ((1001, ""), 300_000, 0.0), ((1000, "bye"), 300_000, 0.0)],
)
def test_others_are_not_logged(
    caplog: pytest.LogCaptureFixture, close: tuple[int, str] | None, large: int, since_s: float
) -> None:
    SizeWarnings().ended("s1", close, large, since_s, MOST)
    assert not caplog.records


def test_each_session_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    warnings = SizeWarnings()
    for session in ("s1", "s1", "s2", "s1"):
        warnings.ended(session, (1009, ""), 300_000, 0.0, MOST)
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == ["s1", "s2"]
