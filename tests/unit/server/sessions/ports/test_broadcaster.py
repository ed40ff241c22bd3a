"""Broadcaster: its tail, its cursors, and their out-of-band frames."""

import asyncio
from pathlib import Path

from protocol import events as ev
from protocol.codec import encode
from protocol.codes import CloseReason
from server.journal.base import AppendItem, Record, SessionRow
from server.journal.sqlite import open_journal
from server.sessions.ports.broadcaster import DELETED_REASON, GOODBYE_REASON, LARGE_BYTES, EventBroadcaster
from tests.unit.server.journal.builders import NOON, row


def record(seq: int, size: int) -> Record:
    return Record(seq=seq, first_seq=seq, data=b"x" * size)


async def test_the_tail_keeps_the_newest_step_whole_and_a_bounded_part_of_what_came_before(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    broadcaster = EventBroadcaster("session", journal, 0, tail_bytes=1_000)
    for seq in range(1, 31):
        broadcaster.publish((record(seq, 100),))
    assert broadcaster.tail_after(20, 10_000) is None
    assert broadcaster.tail_after(21, 10_000) is not None
    behind, level = broadcaster.follow(27), broadcaster.follow(30)
    broadcaster.publish((record(31, 1_000_000), record(32, 100), record(33, 1_000_000)))
    batches = [[event.seq for event in await behind.next(1_000)] for _ in range(4)]
    assert batches == [[28, 29, 30], [31], [32], [33]]
    assert (await level.next(1_000))[0].data is (await broadcaster.follow(30).next(1_000))[0].data
    broadcaster.publish((record(34, 100),))
    assert broadcaster.tail_after(32, 10_000) is None
    assert broadcaster.tail_after(33, 10_000) is not None
    await journal.aclose()


async def test_out_of_band_frames_are_taken_in_order_and_a_notice_replaces_one_that_waits(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    broadcaster = EventBroadcaster("session", journal, 0, tail_bytes=1_000)
    cursor, other = broadcaster.follow(0), broadcaster.follow(0)
    cursor.put(b"1")
    broadcaster.notify(b"old")
    cursor.put(b"2")
    for _ in range(3):
        broadcaster.notify(b"new")
    await cursor.wait()
    assert (cursor.out_of_band_bytes, other.out_of_band_bytes) == (5, 3)
    assert (cursor.take_out_of_band(), other.take_out_of_band()) == ([b"1", b"2", b"new"], [b"new"])
    assert (cursor.take_out_of_band(), cursor.out_of_band_bytes) == ([], 0)
    broadcaster.notify(b"later")
    assert cursor.take_out_of_band() == [b"later"]
    await journal.aclose()


async def test_a_cursor_goes_on_after_the_seq_it_was_advanced_to_and_keeps_its_first_close_reason(
    tmp_path: Path,
) -> None:
    journal = await open_journal(tmp_path)
    broadcaster = EventBroadcaster("session", journal, 0, tail_bytes=1_000)
    for seq in range(1, 5):
        broadcaster.publish((record(seq, 100),))
    cursor = broadcaster.follow(4)
    cursor.advance(2)
    broadcaster.end(CloseReason(1012, "the first"))
    broadcaster.end(CloseReason(1011, "the second"))
    assert [event.seq for event in await cursor.next(10_000)] == [3, 4], "what there is comes before the end"
    assert (await cursor.next(10_000), cursor.close_reason) == ([], CloseReason(1012, "the first"))
    await journal.aclose()


async def test_a_follower_takes_events_at_once_and_waits_only_for_what_it_leaves(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    broadcaster = EventBroadcaster("session", journal, 0, tail_bytes=1_000)
    cursor = broadcaster.follow(0)
    taken: list[int] = []

    def take() -> bool:
        events = cursor.in_memory(1_000) or []
        if events[-1].seq > 2:
            return False
        taken.extend(event.seq for event in events)
        cursor.advance(events[-1].seq)
        return cursor.at_head

    cursor.take_at_once = take
    broadcaster.publish((record(1, 100),))
    broadcaster.publish((record(2, 100),))
    assert taken == [1, 2]
    assert await cursor.next(1_000) == []
    broadcaster.publish((record(3, 100),))
    await cursor.wait()
    assert [event.seq for event in await cursor.next(1_000)] == [3]
    await journal.aclose()


async def test_a_large_event_is_one_object_for_all_that_read_it_at_the_same_time(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    lease = await journal.create(SessionRow("session", "anna", "", "", NOON, NOON, 0, "idle", b"[]", False, b"{}"))
    for seq in (1, 2, 3):
        await journal.append(AppendItem(lease, seq - 1, (record(seq, LARGE_BYTES * (seq - 1) + 1),)))
    broadcaster = EventBroadcaster("session", journal, 3)
    cursors = [broadcaster.follow(0) for _ in range(5)]
    first = await asyncio.gather(*(cursor.next(1) for cursor in cursors))
    second = await asyncio.gather(*(cursor.next(1) for cursor in cursors))
    replayed = [event async for batch in broadcaster.replay(0, 3, 1) for event in batch]
    assert [event.seq for event in replayed] == [1, 2, 3]
    assert first[0] == first[1] and first[0][0] is not first[1][0], "a small one is not worth it"
    assert {id(event) for events in [*second, [replayed[1]]] for event in events} == {id(replayed[1])}
    assert replayed[1].data == record(2, LARGE_BYTES + 1).data
    await journal.aclose()


async def test_the_last_event_ends_who_follows_also_where_it_is_read_from_the_journal(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    lease = await journal.create(row("session"))
    last = Record(seq=1, first_seq=1, data=encode(ev.ShutdownEvent(seq=1, at=NOON, reason="user")))
    await journal.append(AppendItem(lease, 0, (last,)))
    published, stored = (EventBroadcaster("session", journal, 0) for _ in range(2))
    present, behind = published.follow(0), stored.follow(0)
    published.publish((last,))
    stored.advance(1)  # as after an append of which it was not known whether it was stored
    later = published.follow(1)
    for cursor in (present, behind):
        assert [event.seq for event in await cursor.next(1_000)] == [1]
        assert cursor.close_reason == GOODBYE_REASON
    assert (await later.next(1_000), later.close_reason) == ([], None)
    await journal.aclose()


async def test_a_session_at_rest_keeps_no_events_in_memory_unless_its_followers_end(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    broadcaster = EventBroadcaster("session", journal, 0)
    broadcaster.publish((record(1, 100),))
    broadcaster.rest()
    assert broadcaster.tail_after(0, 1_000) is None
    broadcaster.publish((record(2, 100),))
    cursor = broadcaster.follow(1)
    broadcaster.end(DELETED_REASON)
    broadcaster.rest()
    assert [event.seq for event in await cursor.next(1_000)] == [2]
    await journal.aclose()
