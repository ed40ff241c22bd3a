"""Broadcaster: delivers one session's events to any number of cursors.

The newest events are kept in memory, encoded once: the tail. A cursor is a position in the log, not a queue of events.
What the tail does not hold any more is read from the journal, so a slow reader needs no memory here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec

from agent.util.signal import Signal
from protocol import codec, codes
from protocol.codes import CloseReason
from server.journal.base import Journal, Record
from server.sessions.replay import MergedReader, merged_in_steps

LARGE_BYTES: Final = 65_536
"""Events above this are shared: as much as a socket reads of the journal at once, for a few messages."""

GOODBYE_REASON = CloseReason(codes.CLOSE_GOODBYE, "the session was shut down")
DELETED_REASON = CloseReason(codes.CLOSE_DELETED, "the session was deleted")

LAST_EVENT = b'{"type":"shutdown"'
"""How the JSON of a session's last event begins. Its followers end with it; who comes later may read."""


class TailEvent(Record, frozen=True, gc=False):
    """One event in the tail: its JSON, and its MessagePack from the first use on.

    Without garbage collection (`gc=False`): there are thousands, they live long, and they refer to nothing else.
    """

    _packed: bytes | None = None

    @property
    def packed(self) -> bytes:
        """The event as MessagePack."""
        packed = self._packed
        if packed is None:
            packed = codec.to_msgpack(self.data)
            msgspec.structs.force_setattr(self, "_packed", packed)
        return packed


class LargeEvent(TailEvent, frozen=True, weakref=True, eq=False, gc=True):
    """A large one. `forms`: what is made of it for some sockets, by a key of theirs, for as long as one of them holds it."""

    forms: "WeakValueDictionary[Any, Any]" = msgspec.field(default_factory=WeakValueDictionary)


class SharedEvents:
    """The large events of one session that are in memory: each once, however many sockets are being sent it."""

    __slots__ = ("_large", "_reading")

    def __init__(self) -> None:
        self._large: WeakValueDictionary[int, LargeEvent] = WeakValueDictionary()
        self._reading = asyncio.Lock()

    def events(self, records: Iterable[Record]) -> list[TailEvent]:
        """The events of these records. Of a large one that somebody holds already, the same object."""
        return [
            record
            if isinstance(record, TailEvent)
            else self._share(record)
            if len(record.data) > LARGE_BYTES
            else TailEvent(record.seq, record.first_seq, record.data)
            for record in records
        ]

    def _share(self, record: Record) -> LargeEvent:
        event = self._large.get(record.first_seq)
        if event is None or event.data != record.data:
            event = self._large[record.first_seq] = LargeEvent(record.seq, record.first_seq, record.data)
        return event

    async def read(self, position: int, read: Callable[[], Awaitable[list[Record]]]) -> list[TailEvent]:
        """What `read` gives: the journal's records after `position`. One socket reads at a time, and those that wait for it find
        what is large, so that no two copies of it are made."""
        async with self._reading:
            large = self._large.get(position + 1)
            return [large] if large is not None else self.events(await read())


class Cursor:
    """One follower: its position in the log, and the out-of-band frames that wait for it.

    `position`: the seq of the last event that the follower has. `close_reason`: set when the follower is to end, once
    it has all events up to the head. `take_at_once`: called when there is something new, in place of letting `wait` return; gives
    whether the follower has taken all of it.
    """

    __slots__ = ("_broadcaster", "_changed", "_notice", "_out_of_band", "close_reason", "position", "take_at_once")

    def __init__(self, broadcaster: "EventBroadcaster", position: int) -> None:
        self.position = position
        self.close_reason: CloseReason | None = None
        self.take_at_once: Callable[[], bool] | None = None
        self._broadcaster = broadcaster
        self._changed = Signal()
        self._out_of_band: list[bytes] = []
        self._notice: bytes | None = None

    def wake(self) -> None:
        """Let the follower take what is new at once, or `wait` return."""
        if self.take_at_once is None or not self.take_at_once():
            self._changed.set()

    def end(self, reason: CloseReason) -> None:
        """Let the follower end once it has all events. The first reason counts."""
        if self.close_reason is None:
            self.close_reason = reason
        self.wake()

    async def wait(self) -> None:
        """Wait until there may be something new: an event, an out-of-band frame, or the end."""
        await self._changed.wait()
        self._changed.clear()

    def put(self, frame: bytes) -> None:
        """Add an out-of-band frame: JSON without a seq, for this follower alone. The caller bounds how many wait."""
        self._out_of_band.append(frame)
        self.wake()

    def notify(self, frame: bytes) -> None:
        """Add an out-of-band frame about the session. It replaces an earlier one that still waits."""
        if self._notice is not None:
            self._out_of_band.remove(self._notice)
        self._notice = frame
        self.put(frame)

    def take_out_of_band(self) -> list[bytes]:
        """The out-of-band frames that wait, in order; then none waits."""
        frames = [*self._out_of_band]
        self._out_of_band.clear()
        self._notice = None
        return frames

    @property
    def out_of_band_bytes(self) -> int:
        """Bytes of the out-of-band frames that wait."""
        return sum(map(len, self._out_of_band))

    @property
    def has_out_of_band(self) -> bool:
        """Whether out-of-band frames wait."""
        return bool(self._out_of_band)

    def advance(self, seq: int) -> bool:
        """The follower has all events up to `seq`, by a snapshot or a replay: `next` goes on after it. Gives whether these are all.

        Before the first `next` it may also go back, to where a client that comes back stands.
        """
        self.position = seq
        return seq >= self._broadcaster.head

    def in_memory(self, max_bytes: int) -> list[TailEvent] | None:
        """As `next`, without moving the position; None if the journal must be read."""
        if self.position >= self._broadcaster.head:
            return []
        return self._broadcaster.tail_after(self.position, max_bytes)

    def events_alone(self, max_bytes: int) -> list[TailEvent] | None:
        """As `in_memory`; None also if there is something else than events for the follower."""
        if self._out_of_band or self.close_reason is not None:
            return None
        return self._broadcaster.tail_after(self.position, max_bytes)

    @property
    def at_head(self) -> bool:
        """Whether the follower has all events."""
        return self.position >= self._broadcaster.head

    async def next(self, max_bytes: int) -> list[TailEvent]:
        """Events after `position`, in order and without a hole, about `max_bytes` of them; moves the position.

        Empty if there is nothing new. Raises `JournalError` if the journal cannot be read.
        """
        events = self.in_memory(max_bytes)
        if events is None:
            events = await self._broadcaster.read_after(self.position, max_bytes)
            if events and events[-1].data.startswith(LAST_EVENT):
                self.end(GOODBYE_REASON)
        if events:
            self.position = events[-1].seq
        return events

    def detach(self) -> None:
        """Remove the cursor: its follower is gone, and takes nothing any more."""
        self.take_at_once = None
        self._broadcaster.forget(self)


TAIL_BYTES = 262_144
"""Newest encoded events that an awake session keeps in memory. Sockets that keep up are served from it; one that is
further behind reads the journal. Many answers fit in, and a thousand awake sessions still need only 256 MiB."""

TAIL_PART_DROPPED: Final = 8
"""A tail that is full drops this part of it, an eighth: from the front of a list many events go as fast as one. Nearly all sessions
are idle, and an empty list takes a tenth of an empty deque."""


class EventBroadcaster:
    """The cursors of one session. `head`: the seq of the newest durable event. `len()`: how many cursors there are."""

    __slots__ = ("_cursors", "_journal", "_session_id", "_shared_events", "_tail", "_tail_bytes", "_tail_size", "head")

    def __init__(self, session_id: str, journal: Journal, head: int, tail_bytes: int = TAIL_BYTES) -> None:
        self.head = head
        self._session_id = session_id
        self._journal = journal
        self._tail: list[TailEvent] = []
        self._tail_size = 0
        self._tail_bytes = tail_bytes
        self._cursors: dict[Cursor, None] = {}  # in order; without any, smaller than a set
        self._shared_events: SharedEvents | None = None

    def __len__(self) -> int:
        return len(self._cursors)

    def follow(self, position: int) -> Cursor:
        """A new cursor. It gives every event after `position`, however late it begins to read."""
        cursor = Cursor(self, position)
        self._cursors[cursor] = None
        return cursor

    def forget(self, cursor: Cursor) -> None:
        """Remove a cursor. Called by `Cursor.detach`."""
        self._cursors.pop(cursor, None)
        if not self._cursors:
            self._cursors.clear()  # frees its table

    def publish(self, records: tuple[Record, ...]) -> None:
        """Add records that are durable to the tail, and wake every cursor; after the session's last event end them.

        The bound of the tail counts older events only. Otherwise one large event would empty the tail, and every cursor
        would read it from the journal.
        """
        if self._tail_size > self._tail_bytes:
            self._shorten_tail()
        for record in records:
            data = record.data
            if len(data) > LARGE_BYTES:
                self._tail += self._shared.events((record,))
            else:
                self._tail.append(TailEvent(record.seq, record.first_seq, data))
            self._tail_size += len(data)
        last = records[-1]
        self.head = last.seq
        if last.data.startswith(LAST_EVENT):
            self.end(GOODBYE_REASON)
            return
        for cursor in self._cursors:
            cursor.wake()

    def advance(self, head: int) -> None:
        """Set the head after the journal was read anew: events up to it may not have been published here."""
        if head != self.head:
            self._drop_tail()
            self.head = head
        for cursor in self._cursors:
            cursor.wake()

    def rest(self) -> None:
        """Nothing comes for now: keep no events in memory, who is behind reads the journal. But one that ends may not find
        the session there any more.
        """
        if not any(cursor.close_reason for cursor in self._cursors):
            self._drop_tail()

    def _shorten_tail(self) -> None:
        kept_bytes = self._tail_bytes - self._tail_bytes // TAIL_PART_DROPPED
        dropped = 0
        while self._tail_size > kept_bytes:
            self._tail_size -= len(self._tail[dropped].data)
            dropped += 1
        del self._tail[:dropped]

    def _drop_tail(self) -> None:
        self._tail.clear()
        self._tail_size = 0

    def notify(self, frame: bytes) -> None:
        """Give every cursor an out-of-band frame about the session: JSON without a seq."""
        for cursor in self._cursors:
            cursor.notify(frame)

    def end(self, reason: CloseReason) -> None:
        """End every cursor there is now, once it has all events."""
        for cursor in self._cursors:
            cursor.end(reason)

    def tail_after(self, position: int, max_bytes: int) -> list[TailEvent] | None:
        """Events of the tail after `position`, about `max_bytes`; None if the tail does not reach back that far."""
        tail, begins = self._tail, position + 1
        if not tail or tail[0].first_seq > begins:
            return None
        if tail[-1].first_seq == begins:  # nearly always: a follower that keeps up
            return [tail[-1]]
        behind = 0
        for tailed in reversed(self._tail):
            if tailed.seq <= position:
                break
            behind += 1
        events: list[TailEvent] = []
        size = 0
        for index in range(len(self._tail) - behind, len(self._tail)):
            tailed = self._tail[index]
            size += len(tailed.data) + 1  # what separates it
            if events and size > max_bytes:
                break
            events.append(tailed)
        return events

    async def read_after(self, position: int, max_bytes: int) -> list[TailEvent]:
        """Events of the journal after `position`, about `max_bytes`, adjacent text merged. Raises `JournalError`."""
        records = await self._read(position, through=self.head, max_bytes=max_bytes)
        return self._shared.events(await merged_in_steps(records, position))

    async def replay(self, position: int, mark: int, max_bytes: int) -> AsyncIterator[list[TailEvent]]:
        """As `server.sessions.replay.replay`, for a socket: large events are shared by those that are being sent them."""
        reader = MergedReader(self._read, position, mark)
        while reader.position < mark:
            yield self._shared.events(await reader.read(max_bytes))

    async def _read(self, position: int, *, through: int, max_bytes: int) -> list[TailEvent]:
        read = partial(self._journal.read, self._session_id, position, through=through, max_bytes=max_bytes)
        return await self._shared.read(position, read)

    @property
    def _shared(self) -> SharedEvents:
        """Made when it is needed: most sessions have no large events, and nobody who reads them from the journal."""
        if self._shared_events is None:
            self._shared_events = SharedEvents()
        return self._shared_events
