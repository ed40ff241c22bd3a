"""The seam under a session: what a journal is, whatever it is made of. Nothing outside this package knows the backend.

The rules:

- Positions and terms are the owner's. The journal verifies them, it never hands out a position.
- A session has one good `Lease` at most. Its term grows with every taking; an append under an older one is `Fenced`.
- All of an `AppendItem` is stored or nothing, and it is durable when `append` returns: as durable as the backend's
  setting `durability` promises. Calls that wait together are committed together; one refusal never fails another.
- A refusal is a type: `Fenced`, `Conflict`, `Deleted` and `NotFound` stored nothing. `Unavailable` means unknown: the
  identical call again is safe, also when the first one was stored after all.
- A caller that is cancelled may find its item stored all the same.
- A reader sees what is durable, in order, without a hole, and never half of a merge.
- The epoch is a name that changes only when stored events may have been lost. It tells clients about the past; the
  term guards the journal.
"""

import builtins
import math
from collections.abc import Collection
from pathlib import Path
from typing import Literal, Protocol

import msgspec

READ_RECORDS_MAX = 512
"""Records one `read` gives unless told otherwise."""
READ_BYTES_MAX = 262_144
"""Bytes of event data one `read` gives unless told otherwise; the first record may exceed it alone."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One stored event, or several merged into one: it stands for `first_seq`..`seq`."""

    seq: int
    first_seq: int
    data: bytes
    """The event's JSON, as the sockets get it."""


class IdempotencyRecord(msgspec.Struct, frozen=True, gc=False):
    """The first answer to an accepted submission: the same id sent again gets the same answer."""

    submission_id: str
    digest: bytes
    """What makes two bodies the same; the journal only keeps it."""
    answer: bytes
    """The JSON of the first answer."""


class SessionRow(msgspec.Struct, frozen=True):
    """What is known about a session without reading its events."""

    session_id: str
    user_id: str
    title: str
    model: str
    created_at: str
    last_active_at: str
    """UTC, RFC 3339, one width throughout: sessions are listed in the order of these strings."""
    message_count: int
    state: str
    """`idle`, `running`, `awaiting_approval` or `closed`."""
    pending_approval: bytes
    """A JSON array."""
    unfinished: bool
    """Work was under way when this row was written: to be recovered when the server starts."""
    options: bytes
    """A JSON object, free for the owner."""


class Lease(msgspec.Struct, frozen=True):
    """The right to append to a session."""

    session_id: str
    term: int
    good_until: float = math.inf
    """Seconds of the local monotonic clock; without an end where one node is all there is."""


class Spent(msgspec.Struct, frozen=True):
    """What model calls took. `day`: UTC, `2026-01-31`. Money in millionths of a US dollar, so that sums are exact."""

    user_id: str
    day: str
    tokens: int
    microdollars: int


class Stored(msgspec.Struct, frozen=True):
    """What a user's sessions take: how many there are, and the bytes of their events."""

    sessions: int
    bytes: int


class StorageBounds(msgspec.Struct, frozen=True):
    """What a user may store."""

    sessions_max: int
    bytes_max: int


class AppendItem(msgspec.Struct, frozen=True):
    """What one owner stores in one step."""

    lease: Lease
    expected_head: int
    """The seq of the last event stored before these; 0 for none."""
    records: tuple[Record, ...]
    """In order, without a hole, from `expected_head + 1`."""
    idempotency: tuple[IdempotencyRecord, ...] = ()
    row: SessionRow | None = None
    """Replaces the session's row."""
    spent: Spent | None = None
    """Added to what the user has spent that day. Only with records: a retry of the item does not add it again."""


class HeldClaim(msgspec.Struct, frozen=True):
    """What a session holds outside of the server and must give back: see `agent.sandbox.claims.Claim`."""

    claim_id: str
    """Of the caller's making, one for each thing, whatever session it is of."""
    session_id: str
    user_id: str
    """Kept here, because it outlives the session's row: who can give it back."""
    kind: str
    detail: str
    """By what it is found; never a secret."""
    claimed_at: str
    """UTC, RFC 3339: when it was named first."""


class Stat(msgspec.Struct, frozen=True):
    """Where a session stands."""

    head: int
    """The seq of its last stored event; 0 for none."""
    epoch: str
    row: SessionRow
    term: int


class ListPosition(msgspec.Struct, frozen=True):
    """A session's place in the listing, which is by `last_active_at`, the newest first, then by `session_id`."""

    last_active_at: str
    session_id: str


class JournalError(Exception):
    """What the journal could not or would not do, in a sentence for people."""

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path
        """The file or folder it is about, if there is one."""


class Fenced(JournalError):
    """Another term holds the session: the caller is no longer its owner. Stop the turn, drop the state."""


class Conflict(JournalError):
    """What was asked does not fit what is stored."""


class AlreadyAnswered(Conflict):
    """The submission id has its answer already."""

    def __init__(self, message: str, earlier: IdempotencyRecord) -> None:
        super().__init__(message)
        self.earlier = earlier
        """The first answer."""


class StorageFull(JournalError):
    """The user stores as much as they may: `what` is `sessions` or `bytes`, `most` the bound."""

    def __init__(self, what: Literal["sessions", "bytes"], most: int) -> None:
        unit = "sessions" if what == "sessions" else "bytes of sessions"
        super().__init__(f"you store {most} {unit} already, which is the limit; delete some to make room")
        self.what: Literal["sessions", "bytes"] = what
        self.most = most


class Unavailable(JournalError):
    """The journal cannot be used now; whether a write was stored is unknown. The identical call again is safe."""


class Deleted(JournalError):
    """The session was deleted."""


class NotFound(JournalError):
    """There never was such a session."""


class Journal(Protocol):
    """A store of sessions' events. Every call may raise `Unavailable`, and `ValueError`s are the caller's own fault."""

    @property
    def epoch(self) -> str:
        """The epoch that new events belong to. It does not change while the journal is open."""
        ...

    async def append(self, item: AppendItem) -> None:
        """Store an item; it is durable on return.

        An item whose records are all stored already, byte for byte and under the same term, succeeds: it is a retry.
        Raises `Fenced`, `Conflict` (`AlreadyAnswered`), `Deleted`, `NotFound`.
        """
        ...

    async def read(
        self,
        session_id: str,
        after: int,
        *,
        through: int | None = None,
        max_records: int = READ_RECORDS_MAX,
        max_bytes: int = READ_BYTES_MAX,
    ) -> builtins.list[Record]:
        """The records after the position `after`, in order, without a hole; at least one if there is one.

        A record merged across `after` or across `through` comes whole. `max_bytes` counts event data.
        Raises `Deleted`, `NotFound`.
        """
        ...

    async def stat(self, session_id: str) -> Stat:
        """Where the session stands. Raises `Deleted`, `NotFound`."""
        ...

    async def answer(self, session_id: str, submission_id: str) -> IdempotencyRecord | None:
        """The first answer to a submission, if it was accepted before. Raises `Deleted`, `NotFound`."""
        ...

    async def snapshot(self, session_id: str) -> tuple[int, bytes] | None:
        """The last snapshot and the seq it was taken after; a cache, it may be gone. Raises `Deleted`, `NotFound`."""
        ...

    async def put_snapshot(self, lease: Lease, seq: int, data: bytes) -> None:
        """Keep a snapshot in place of the last. Raises `Fenced`, `Conflict` past the head, `Deleted`, `NotFound`."""
        ...

    async def create(self, row: SessionRow, bounds: StorageBounds | None = None) -> Lease:
        """Make a session with no events, if its user stores less than `bounds`, looked at in the same step.

        Raises `Conflict` if there is one of that id, `Deleted` if there was one, `StorageFull`.
        """
        ...

    async def acquire(self, session_id: str) -> Lease:
        """Become the owner, under the next term: appends of older terms are decided or will be `Fenced`.

        Raises `Deleted`, `NotFound`.
        """
        ...

    async def merge(self, lease: Lease, lo: int, hi: int, records: tuple[Record, ...]) -> None:
        """Replace the records that make up `lo`..`hi` by others that stand for the same, in one step for every reader.

        Raises `Conflict` if `lo`..`hi` does not begin and end on borders of stored records or `records` do not cover
        exactly that, `Fenced`, `Deleted`, `NotFound`.
        """
        ...

    async def delete(self, session_id: str) -> None:
        """Delete the session and keep a tombstone; deleting it again does nothing. Raises `NotFound`."""
        ...

    async def list(
        self,
        user_id: str | None = None,
        *,
        before: ListPosition | None = None,
        search: str = "",
        most: int | None = None,
    ) -> builtins.list[Stat]:
        """All sessions, or one user's, as of one moment, the newest `last_active_at` first.

        `before`: only those behind this place. `search`: only those whose title has this in it, in any case. `most`: of
        these, so many.
        """
        ...

    async def stored(self, user_id: str) -> Stored:
        """What the user's sessions take. The bytes of a turn under way may be counted when it ends."""
        ...

    async def spent(self, user_id: str, day: str) -> Spent:
        """What the user's model calls took that day, sessions deleted since included."""
        ...

    async def unfinished(self) -> builtins.list[str]:
        """The ids of the sessions in which work was under way."""
        ...

    async def stale(self, before: str, empty_before: str, most: int) -> builtins.list[str]:
        """Sessions last active before `before`, or without messages before `empty_before`, the oldest first.

        None in which work is under way or waits.
        """
        ...

    async def good_position(self, session_id: str, epoch: str, seq: int) -> bool:
        """Whether every event up to `seq`, as it was in `epoch`, is still here.

        Position 0 is good in any epoch, and no other without one. Raises `Deleted`, `NotFound` for other positions.
        """
        ...

    async def claim(self, claim: HeldClaim) -> None:
        """Keep a claim until it is released, the session's deletion notwithstanding.

        It takes the place of one with the same id, whose `claimed_at` stays; that may be done for a deleted session too.
        Raises `Conflict` if the id is another session's, and for a new one `Deleted`, `NotFound`.
        """
        ...

    async def release_claim(self, claim_id: str) -> None:
        """Forget a claim; nothing happens if there is none."""
        ...

    async def claims(self, session_id: str | None = None) -> builtins.list[HeldClaim]:
        """All claims, or those of one session, deleted or not, the oldest first."""
        ...

    async def exported(self, session_id: str, seq: int) -> None:
        """There is a copy of the session up to `seq` elsewhere; it never becomes less. Raises `Conflict` past the head.

        Raises `Deleted`, `NotFound`.
        """
        ...

    async def unexported(
        self, most: int, *, not_of: Collection[str] = (), but: Collection[str] = ()
    ) -> builtins.list[Stat]:
        """Sessions with messages of which more is stored than was exported, and in which no work is under way or waits.

        One of each user, the one not used for longest; of `most` users. None of the users `not_of`, nor the sessions `but`.
        """
        ...

    async def aclose(self) -> None:
        """Stop cleanly: what waits is decided, nothing more is taken (`Unavailable`). Again: nothing happens."""
        ...
