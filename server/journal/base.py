"""Journal: the interface of a store of session events. No code outside this package knows the backend.

The rules:

- Positions and terms are the owner's. The journal verifies them, it never hands out a position.
- A session has at most one valid `Lease`. Each `acquire` raises its term; an append under an older term is `Fenced`.
- All of an `AppendItem` is stored or nothing, and it is durable when `append` is done: as durable as the backend's
  setting `durability` promises. Calls that wait together are committed together; one refusal never fails another.
- A refusal is a type: `Fenced`, `Conflict`, `Deleted` and `NotFound` stored nothing. `Unavailable` means unknown: the
  identical call again is safe, also when the first one was stored after all.
- An item of a cancelled caller may be stored all the same.
- A reader sees what is durable, in order, without a hole, and never half of a merge.
- The epoch is a name that changes only when stored events may have been lost, so clients know by it whether their position is valid.
"""

import asyncio
import builtins
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

import msgspec

READ_RECORDS_MAX = 512  # one `read` gives unless told otherwise
READ_BYTES_MAX = 262_144
"""Bytes of event data one `read` gives unless told otherwise; the first record may exceed it alone."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One stored event, or several merged into one: it stands for `first_seq`..`seq`."""

    seq: int
    first_seq: int
    data: bytes
    """The event's JSON, as the sockets get it."""


class PrivateRecord(msgspec.Struct, frozen=True, gc=False):
    """Data that belongs to the event `seq` and is for the session alone: `read` never gives it."""

    seq: int
    data: bytes


class IdempotencyRecord(msgspec.Struct, frozen=True, gc=False):
    """The first answer to an accepted submission. A submission sent again under the same id gets the same answer."""

    submission_id: str
    digest: bytes
    """A digest of the submission's body, made by the caller."""
    answer: bytes
    """The JSON of the first answer."""


class SessionRow(msgspec.Struct, frozen=True):
    """A session's properties that can be read without its events."""

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
    """Work was under way when this row was written; the session is recovered when the server starts."""
    options: bytes
    """A JSON object; the owner decides what it holds."""
    listed: str = ""
    """`pinned`, `archived` or neither, as its user wants it in lists. Only `list_as` changes it: a row that is stored leaves it."""


class Lease(msgspec.Struct, frozen=True):
    """The right to append to a session."""

    session_id: str
    term: int


class Spent(msgspec.Struct, frozen=True):
    """What a user's model calls cost on one day (`day`: UTC, `2026-01-31`). Money in millionths of a US dollar, so that sums are exact."""

    user_id: str
    day: str
    tokens: int
    microdollars: int


class Stored(msgspec.Struct, frozen=True):
    """What a user has stored: the number of sessions, and the bytes of their events and of their files."""

    sessions: int
    bytes: int


class StorageBounds(msgspec.Struct, frozen=True):
    """The most that a user may store."""

    sessions_max: int
    bytes_max: int


class AppendItem(msgspec.Struct, frozen=True):
    """What a session's owner stores in one step."""

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
    private: tuple[PrivateRecord, ...] = ()
    """In order, each of another of these records."""


class HeldClaim(msgspec.Struct, frozen=True):
    """A resource outside of the server that a session holds and must release: see `agent.sandbox.claims.Claim`."""

    claim_id: str
    """Made by the caller; unique over all sessions."""
    session_id: str
    user_id: str
    """The user who can release it; stored here because a claim outlives its session's row."""
    kind: str
    detail: str
    """Identifies the resource to its provider; never a secret."""
    claimed_at: str
    """UTC, RFC 3339: when the claim was first stored."""


class Stat(msgspec.Struct, frozen=True):
    """The head, epoch, row and term of a session."""

    head: int
    """The seq of its last stored event; 0 for none."""
    epoch: str
    row: SessionRow
    term: int


class ListPosition(msgspec.Struct, frozen=True):
    """A position in the list of sessions, which is ordered by `last_active_at`, newest first, then by `session_id`."""

    last_active_at: str
    session_id: str


class JournalError(Exception):
    """An operation failed or was refused; the message is a sentence for people."""

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path
        """The file or folder it is about, if there is one."""


class Fenced(JournalError):
    """Another owner holds the session under a newer term. The caller must stop its turn and drop its state."""


class Conflict(JournalError):
    """The operation does not fit what is stored."""


class AlreadyAnswered(Conflict):
    """The submission id already has an answer."""

    def __init__(self, message: str, earlier: IdempotencyRecord) -> None:
        super().__init__(message)
        self.earlier = earlier
        """The first answer."""


class Unavailable(JournalError):
    """The journal cannot be used now; whether a write was stored is unknown. The identical call again is safe."""


class Deleted(JournalError):
    """The session was deleted."""


class NotFound(JournalError):
    """No session of this id ever existed."""


class Journal(Protocol):
    """A store of session events. Every call may raise `Unavailable`; a `ValueError` is a fault of the caller."""

    @property
    def epoch(self) -> str:
        """The epoch that new events belong to. It changes while the journal is open only as `watch_epoch` reports."""

    def watch_epoch(self, changed: Callable[[], None]) -> None:
        """Call `changed` in the event loop after a new epoch has begun: what is known of sessions may not be stored any more."""

    def append(self, item: AppendItem) -> "asyncio.Future[None]":
        """Store an item; it is durable once the future is done.

        An item whose records are all stored already, byte for byte and under the same term, succeeds: it is a retry.
        Raises `Fenced`, `Conflict` (`AlreadyAnswered`), `Deleted`, `NotFound`.
        """

    def append_then(self, item: AppendItem, then: Callable[[Exception | None], None]) -> None:
        """The same for text: `then` is called later in the event loop, with the error or, once it is durable, with None."""

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

    async def read_private(self, session_id: str, after: int, through: int) -> builtins.list[PrivateRecord]:
        """The private records of the events after the position `after` up to `through`, in order. It stays as it is when
        records are merged. Raises `Deleted`, `NotFound`.
        """

    async def stat(self, session_id: str) -> Stat:
        """The session's head, epoch, row and term. Raises `Deleted`, `NotFound`."""

    async def answer(self, session_id: str, submission_id: str) -> IdempotencyRecord | None:
        """The first answer to a submission, if it was accepted before. Raises `Deleted`, `NotFound`."""

    async def snapshot(self, session_id: str) -> tuple[int, bytes] | None:
        """The last snapshot and the seq it was taken after; a cache, it may be gone. Raises `Deleted`, `NotFound`."""

    async def put_snapshot(self, lease: Lease, seq: int, data: bytes) -> None:
        """Keep a snapshot in place of the last. Raises `Fenced`, `Conflict` past the head, `Deleted`, `NotFound`."""

    async def create(self, row: SessionRow, bounds: StorageBounds | None = None) -> Lease:
        """Make a session with no events, if its user has stored less than `bounds`; both in one step.

        Raises `Conflict` if there is one of that id, `Deleted` if there was one, `StorageFull`.
        """

    async def acquire(self, session_id: str) -> Lease:
        """Become the owner, under the next term: appends of older terms are decided or `Fenced`. Raises `Deleted`, `NotFound`, and
        where several servers share a database `OwnedElsewhere` (`server.journal.nodes`)."""

    async def release(self, lease: Lease) -> None:
        """Own the session no more, so that others may take it at once. Does nothing if the lease is over, or on one server."""

    async def merge(self, lease: Lease, lo: int, hi: int, records: tuple[Record, ...]) -> None:
        """Replace the records that make up `lo`..`hi` by others that stand for the same, in one step for every reader. Raises `Fenced`,
        `Deleted`, `NotFound`, `Conflict` if `lo`..`hi` has no borders of stored records or `records` do not cover exactly that.
        """

    async def delete(self, session_id: str) -> None:
        """Delete the session and keep a tombstone; deleting it again does nothing. Raises `NotFound`."""

    async def list(
        self,
        user_id: str | None = None,
        *,
        before: ListPosition | None = None,
        search: str = "",
        most: int | None = None,
        max_bytes: int | None = None,
        holding: bytes = b"",
        listed: str | None = None,
    ) -> builtins.list[Stat]:
        """All sessions, or one user's, as of one moment, the newest `last_active_at` first.

        `before`: only those behind this place. `search`: only those whose title has this in it, in any case. `most`: of
        these, so many. `holding`: only those whose `options` have these bytes in them. `listed`: only those listed so. `max_bytes`: the list ends with the session whose `pending_approval` takes it above this.
        """

    async def stored(self, user_id: str) -> Stored:
        """What the user has stored. The bytes of a turn under way may be counted only when it ends."""

    async def list_as(self, session_id: str, listed: str) -> None:
        """Keep how the session is listed: see `SessionRow.listed`. Raises `Deleted`, `NotFound`."""

    async def files_measured(self, session_id: str, size: int) -> None:
        """Count `size` bytes for the session's files, in place of what was counted. Raises `Deleted`, `NotFound`."""

    async def forget_deleted(self, before: str, most: int) -> int:
        """Remove the tombstones of up to `most` sessions deleted before this time (as in `SessionRow`); how many.

        Afterwards such a session is one that never was: `NotFound`."""

    async def spent(self, user_id: str, day: str) -> Spent:
        """What the user's model calls cost that day, including those of sessions deleted since."""

    async def instructions(self, user_id: str) -> str:
        """What the user wants models to be told in new sessions; empty: nothing."""

    async def account(self, user_id: str, day: str) -> tuple[Stored, Spent, str]:
        """`stored`, `spent` and `instructions` in one read."""

    async def instruct(self, user_id: str, text: str) -> None:
        """Keep this in place of the user's instructions."""

    async def unfinished(self) -> builtins.list[str]:
        """The ids of the sessions whose row says that work is under way."""

    async def stale(self, before: str, empty_before: str, most: int) -> builtins.list[str]:
        """Sessions last active before `before`, or without messages, title and files, and not listed apart, before `empty_before`.

        The oldest first. Leaves out pinned sessions, and those in which work is under way or waits."""

    async def good_position(self, session_id: str, epoch: str, seq: int) -> bool:
        """Whether every event up to `seq`, as it was in `epoch`, is still stored.

        Position 0 is good in any epoch. Without an epoch no other position is good. Raises `Deleted`, `NotFound` for other positions."""

    async def claim(self, claim: HeldClaim) -> None:
        """Store a claim until it is released; it outlives the deletion of its session.

        It takes the place of one with the same id, whose `claimed_at` stays; that may be done for a deleted session too.
        Raises `Conflict` if the id is another session's, and for a new one `Deleted`, `NotFound`."""

    async def release_claim(self, claim_id: str) -> None:
        """Remove a claim; does nothing if there is none."""

    async def claims(self, session_id: str | None = None) -> builtins.list[HeldClaim]:
        """All claims, or those of one session, deleted or not, the oldest first."""

    async def exported(self, session_id: str, seq: int) -> None:
        """Record that a copy of the session up to `seq` was exported; a smaller `seq` changes nothing.

        Raises `Conflict` past the head, `Deleted`, `NotFound`."""

    async def unexported(
        self, most: int, *, not_of: Collection[str] = (), but: Collection[str] = ()
    ) -> builtins.list[Stat]:
        """Sessions with messages of which more is stored than was exported, and in which no work is under way or waits.

        One of each user, the one not used for longest; of `most` users. None of the users `not_of`, nor the sessions `but`."""

    async def aclose(self) -> None:
        """Stop cleanly: calls that wait are finished, later ones raise `Unavailable`. Closing again does nothing."""
