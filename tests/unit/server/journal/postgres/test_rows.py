"""Rows: the positions of what was read follow from one another, merged or not; what is missing shows."""

import pytest

from server.journal.base import JournalError, Record
from server.journal.postgres.rows import records


def test_records_that_were_not_merged_follow_the_position() -> None:
    assert records("s", 4, 6, [b"five", b"six"], {}) == [Record(5, 5, b"five"), Record(6, 6, b"six")]


def test_a_merged_record_stands_for_what_it_was_made_of_also_across_the_position() -> None:
    data = [b"2 to 4", b"5", b"6 to 7", b"8 to 9", b"10"]
    assert records("s", 3, 10, data, {4: 2, 7: 1, 9: 1}) == [
        Record(4, 2, b"2 to 4"),
        Record(5, 5, b"5"),
        Record(7, 6, b"6 to 7"),
        Record(9, 8, b"8 to 9"),
        Record(10, 10, b"10"),
    ]


@pytest.mark.parametrize(
    ("last", "data", "merged"),
    [(3, [b"1", b"3"], {}), (4, [b"1", b"3 to 4"], {4: 1}), (6, [b"1", b"4 to 5", b"6"], {5: 1})],
)
def test_events_that_are_not_there_show(last: int, data: list[bytes], merged: dict[int, int]) -> None:
    with pytest.raises(JournalError, match=f"of the events from 1 to {last} some are not in the database"):
        records("s", 0, last, data, merged)
