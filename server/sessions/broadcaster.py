"""The broadcaster: one session's newest events, encoded once, and the cursors that follow them. Memory is bounded by the tail.

A socket is a cursor: a position and a flag to wake it, never a queue. What the tail does not hold any more is read from
the journal, so a slow reader costs nothing here.
"""

import asyncio
from collections import deque

import msgspec

from protocol import codec
from server.journal.base import Journal, Record
from server.sessions.replay import merged


class TailEvent(msgspec.Struct, gc=False):
    """One event in the tail: its JSON, and its MessagePack once somebody wanted it.

    Thousands of them live for long and hold no cycles: the garbage collector need not walk them.
    """

    seq: int
    first_seq: int
    data: bytes
    _packed: bytes | None = None

    @property
    def packed(self) -> bytes:
        """The event as MessagePack."""
        if self._packed is None:
            self._packed = codec.to_msgpack(self.data)
        return self._packed


class Ending(Exception):
    """The follower's end: the close code and reason to give its client."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Cursor:
    """One follower's place in the log. `next` gives what is new since `position` and moves it."""

    def __init__(self, broadcaster: "EventBroadcaster", position: int) -> None:
        self.position = position
        self.notices: deque[bytes] = deque()
        self._broadcaster = broadcaster
        self._wake = asyncio.Event()
        self._ending: Ending | None = None

    def wake(self) -> None:
        """Let a waiting `next` look again."""
        self._wake.set()

    def end(self, code: int, reason: str) -> None:
        """Let the follower end once it has all there is."""
        if self._ending is None:
            self._ending = Ending(code, reason)
        self._wake.set()

    async def wait(self) -> None:
        """Until there may be something new."""
        await self._wake.wait()
        self._wake.clear()

    def check(self) -> None:
        """Raises `Ending` if the follower is to end."""
        if self._ending is not None:
            raise self._ending

    async def next(self, max_bytes: int) -> list[TailEvent]:
        """Events after `position`, in order and without a hole, about `max_bytes` of them; none if there is nothing new.

        Raises `Ending` when the follower has all there is and is to end, `JournalError` if the journal cannot be read.
        """
        if self.position >= self._broadcaster.head:
            self.check()
            return []
        events = self._broadcaster.tail_after(self.position, max_bytes)
        if events is None:
            events = await self._broadcaster.read_after(self.position, max_bytes)
        self.position = events[-1].seq
        return events

    def detach(self) -> None:
        """The follower is gone."""
        self._broadcaster.forget(self)


TAIL_BYTES = 262_144
"""Newest encoded events that an awake session keeps in memory. Sockets that keep up are served from it; one that is
further behind reads the journal. Many answers fit in, and a thousand awake sessions still need only 256 MiB."""


class EventBroadcaster:
    """Any number of cursors on one session, or none. `head` is the newest durable position."""

    def __init__(self, session_id: str, journal: Journal, head: int, tail_bytes: int = TAIL_BYTES) -> None:
        self.head = head
        self._session_id = session_id
        self._journal = journal
        self._tail: deque[TailEvent] = deque()
        self._tail_size = 0
        self._tail_bytes = tail_bytes
        self._cursors: set[Cursor] = set()

    def __len__(self) -> int:
        return len(self._cursors)

    def follow(self, position: int) -> Cursor:
        """A cursor after `position`; nothing between it and the head is lost, however late it begins to read."""
        cursor = Cursor(self, position)
        self._cursors.add(cursor)
        return cursor

    def forget(self, cursor: Cursor) -> None:
        """Let a cursor go."""
        self._cursors.discard(cursor)

    def publish(self, records: tuple[Record, ...]) -> None:
        """These records are durable: keep them in the tail and wake every cursor.

        The bound is on what is older: a large message would empty the tail, and everyone would read it from the journal.
        """
        while self._tail_size > self._tail_bytes:
            self._tail_size -= len(self._tail.popleft().data)
        for record in records:
            self._tail.append(TailEvent(record.seq, record.first_seq, record.data))
            self._tail_size += len(record.data)
        self.head = records[-1].seq
        for cursor in self._cursors:
            cursor.wake()

    def advance(self, head: int) -> None:
        """The journal holds events up to `head` that may not have come through here: cursors read them there."""
        if head != self.head:
            self._tail.clear()
            self._tail_size = 0
            self.head = head
        for cursor in self._cursors:
            cursor.wake()

    def notify(self, frame: bytes) -> None:
        """A frame about the session's server, without a seq, to every cursor; a cursor that is behind keeps the newest."""
        for cursor in self._cursors:
            cursor.notices.clear()
            cursor.notices.append(frame)
            cursor.wake()

    def end(self, code: int, reason: str) -> None:
        """End every cursor there is now, after it has all events."""
        for cursor in self._cursors:
            cursor.end(code, reason)

    def tail_after(self, position: int, max_bytes: int) -> list[TailEvent] | None:
        """What the tail holds after `position`; None if the journal must be asked."""
        if not self._tail or self._tail[0].first_seq > position + 1:
            return None
        behind = 0
        for tailed in reversed(self._tail):
            if tailed.seq <= position:
                break
            behind += 1
        events: list[TailEvent] = []
        size = 0
        for index in range(len(self._tail) - behind, len(self._tail)):
            tailed = self._tail[index]
            size += len(tailed.data)
            if events and size > max_bytes:
                break
            events.append(tailed)
        return events

    async def read_after(self, position: int, max_bytes: int) -> list[TailEvent]:
        """What the journal holds after `position`, merged."""
        records = await self._journal.read(self._session_id, position, through=self.head, max_bytes=max_bytes)
        return [TailEvent(record.seq, record.first_seq, record.data) for record in merged(records, position)]
