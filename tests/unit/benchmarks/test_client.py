"""Benchmark client, without a socket: how it puts a turn together."""

import pytest

from benchmarks.client import Frame, Turn, TurnFailed, take


def turn_of(*frames: Frame) -> Turn:
    turn = Turn()
    for at, frame in enumerate(frames):
        take(turn, frame, at)
    return turn


def test_repeated_text_is_not_counted_again() -> None:
    turn = turn_of(
        Frame("assistant_chunk", text="abc"),
        Frame("assistant_chunk", offset=1, text="bcde"),
        Frame("assistant_chunk", offset=5, text="f", kind="reasoning"),
        Frame("assistant_message", text="abcde"),
        Frame("turn_complete"),
    )
    assert turn.text == turn.whole == "abcde"
    assert turn.arrivals == [(0, "abc"), (1, "de")]
    assert turn.ended_by == "turn_complete"


@pytest.mark.parametrize("kind", ["refused", "error"])
def test_a_failure_ends_the_benchmark(kind: str) -> None:
    with pytest.raises(TurnFailed, match="inbox_full"):
        turn_of(Frame(kind, code="inbox_full"))
