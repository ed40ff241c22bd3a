"""The broadcaster: what its tail keeps for those who are a little behind."""

from pathlib import Path

from server.journal.base import Record
from server.journal.sqlite import open_journal
from server.sessions.broadcaster import EventBroadcaster


def record(seq: int, size: int) -> Record:
    return Record(seq=seq, first_seq=seq, data=b"x" * size)


async def test_the_tail_keeps_the_newest_step_whole_and_a_bounded_part_of_what_came_before(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    broadcaster = EventBroadcaster("session", journal, 0, tail_bytes=1_000)
    for seq in range(1, 31):
        broadcaster.publish((record(seq, 100),))
    assert broadcaster.tail_after(18, 10_000) is None
    assert broadcaster.tail_after(19, 10_000) is not None
    behind, level = broadcaster.follow(27), broadcaster.follow(30)
    broadcaster.publish((record(31, 1_000_000), record(32, 100), record(33, 1_000_000)))
    told = [[event.seq for event in await behind.next(1_000)] for _ in range(4)]
    assert told == [[28, 29, 30], [31], [32], [33]]
    assert (await level.next(1_000))[0].data is (await broadcaster.follow(30).next(1_000))[0].data
    broadcaster.publish((record(34, 100),))
    assert broadcaster.tail_after(32, 10_000) is None
    assert broadcaster.tail_after(33, 10_000) is not None
    await journal.aclose()
