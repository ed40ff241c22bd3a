"""What the feed delivers: what follows the port's head, from there on, or nothing. Given, when, then."""

import pytest

from protocol import codec
from protocol import events as ev
from server.journal.base import Record
from server.sessions.nodes.feed import deliverable
from server.sessions.replay import record_of
from tests.unit.server.journal.builders import NOON, records


@pytest.mark.parametrize(
    ("head", "after", "given", "delivered"),
    [
        (3, 3, records(3, "d", "e"), ["d", "e"]),
        (3, 3, (), []),
        (4, 3, records(3, "d", "e"), []),  # an actor here, or another read, was faster
        (2, 3, records(3, "d"), []),
    ],
)
def test_records_are_delivered_where_they_follow_the_head(
    head: int, after: int, given: tuple[Record, ...], delivered: list[str]
) -> None:
    assert [record.data.decode() for record in deliverable(head, after, given)] == delivered


def test_a_record_that_was_merged_across_the_head_is_cut_there() -> None:
    whole = record_of(ev.AssistantChunk(seq=4, first_seq=2, at=NOON, message_id="m", offset=0, text="abc"))
    (cut,) = deliverable(2, 2, [whole])
    event = codec.decode_event(cut.data)
    assert isinstance(event, ev.AssistantChunk)
    assert (ev.first_seq(event), event.seq) == (3, 4)
