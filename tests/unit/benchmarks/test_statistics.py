"""Benchmark statistics: the arithmetic."""

import pytest

from benchmarks.statistics import InvalidStream, ages_ms, percentile


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 0.0) == 1.0
    assert percentile([7.0], 0.99) == 7.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_token_has_arrived_when_all_of_it_has() -> None:
    arrivals = [(5_000_000, "1000000 20"), (8_000_000, "00000 3000000 ")]
    assert ages_ms(arrivals) == [4.0, 6.0, 5.0]


@pytest.mark.parametrize(
    "text",
    ["1 3 2 ", "1 1 ", "1 x ", "1  2 ", "1 2"],
    ids=["disordered", "doubled", "no stamp", "a hole", "cut short"],
)
def test_a_text_that_was_not_sent_so_is_garbled(text: str) -> None:
    with pytest.raises(InvalidStream):
        ages_ms([(10, text)])
