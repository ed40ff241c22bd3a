"""Appends: stores the items of a group batch by batch, and tells what became of those that a batch did not take."""

from collections.abc import Iterator, Sequence

import msgspec
import psycopg
from psycopg import pq

from server.journal.base import (
    AlreadyAnswered,
    AppendItem,
    Conflict,
    Deleted,
    Fenced,
    IdempotencyRecord,
    JournalError,
    Lease,
    NotFound,
    Unavailable,
)
from server.journal.errors import follow
from server.journal.postgres import batch
from server.journal.postgres.batch import Prepared
from server.journal.postgres.errors import error_of, explain
from server.journal.postgres.lineage import Epoch
from server.journal.postgres.link import Link
from server.journal.postgres.rows import encode
from server.journal.postgres.schema import Connection

KNOWN_MAX = 4_096
"""Sessions whose number the writer keeps in memory. One that is not kept costs its next append another query."""

Outcome = Exception | None
"""Of one item: stored, or why not."""

FIND = "SELECT key, term, term_head, head, deleted FROM sessions WHERE session_id = %s"
_KEYS = "SELECT session_id, key, made_in FROM sessions WHERE session_id = ANY(%s::bytea[]) AND NOT deleted"
_ANSWERS = """
    SELECT submission_id, digest, answer FROM submissions WHERE session = %s AND submission_id = ANY(%s::bytea[])
"""
_EVENTS = "SELECT seq, span, data FROM events WHERE session = %s AND seq BETWEEN %s AND %s ORDER BY seq"
_PRIVATE = "SELECT seq, data FROM private WHERE session = %s AND seq BETWEEN %s AND %s ORDER BY seq"
_CONFIRM = "UPDATE meta SET confirmed = confirmed + 1"


class Standing(msgspec.Struct, frozen=True):
    """Where a session stands in the database."""

    key: int
    term: int
    term_head: int
    head: int


def find(connection: Connection, session_id: str, lock: str = "") -> Standing:
    """The session's standing. `lock`: of its row, as SQL. Raises `NotFound`, `Deleted`."""
    found = connection.execute(f"{FIND} {lock}".encode(), (encode(session_id),)).fetchone()
    if found is None:
        raise NotFound(f"there is no session {session_id}")
    *standing, deleted = found
    if deleted:
        raise Deleted(f"session {session_id} was deleted")
    return Standing(*standing)


def find_leased(connection: Connection, lease: Lease, lock: str = "") -> Standing:
    """The same under a lease. Raises `Fenced` too."""
    standing = find(connection, lease.session_id, lock)
    if standing.term != lease.term:
        raise Fenced(f"session {lease.session_id} is held under term {standing.term}; {lease.term} is over")
    return standing


class Appender:
    """Appends through one link, under one epoch. Used by the writer's thread alone."""

    def __init__(self, link: Link, epoch: Epoch) -> None:
        """Prepare the statements. Raises psycopg.Error."""
        self.epoch = epoch
        self.commits = 0
        """Statements that stored something."""
        self._link = link
        self._known: dict[str, tuple[int, bool]] = {}
        """By session: its number, and whether it has stored something in this epoch through this link, or was made in it."""
        # The driver prepares nothing of its own here: after a rollback it would remove all prepared statements, these too.
        link.connection.prepare_threshold = None
        with link as connection:
            connection.execute(batch.PLANS)
        for name, text, types in batch.PREPARE:
            result = link.pgconn.prepare(name, text, types)
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise error_of(result)

    def forget(self, session_id: str) -> None:
        """Its number is no longer valid."""
        self._known.pop(session_id, None)

    def append(self, items: Sequence[AppendItem]) -> list[Outcome]:
        """Store the items in order, each whole or not at all; what became of each.

        Raises psycopg.Error if the database failed: then nothing is known of any of them.
        """
        outcomes: list[Outcome] = [None] * len(items)
        for part in _divide(items):
            self._append_part(items, part, outcomes)
        return outcomes

    def _append_part(self, items: Sequence[AppendItem], part: list[int], outcomes: list[Outcome]) -> None:
        """Store items of different sessions."""
        self._load([items[at].lease.session_id for at in part], outcomes, part)
        fitting: dict[int, Prepared] = {}
        doubtful: list[int] = []
        for at in part:
            if outcomes[at] is not None:
                continue
            item = items[at]
            key, started = self._known.get(item.lease.session_id, (0, False))
            if not key or not _is_well_formed(item):
                doubtful.append(at)
                continue
            try:
                fitting[at] = batch.prepare(key, item, starts=not started)
            except (TypeError, ValueError) as fault:  # UnicodeEncodeError is a ValueError
                outcomes[at] = fault
        stored = self._send(fitting, outcomes)
        doubtful += [at for at, one in fitting.items() if one.key not in stored and outcomes[at] is None]
        for at in sorted(doubtful):
            outcomes[at] = self._second_step(items[at])

    def _send(self, fitting: dict[int, Prepared], outcomes: list[Outcome]) -> set[int]:
        """Send what fits as one statement; the keys of those stored. A fault of one item fails that item alone."""
        if not fitting:
            return set()
        try:
            with self._link:
                stored, log = batch.send(self._link.pgconn, self.epoch, list(fitting.values()))
        except psycopg.Error as error:
            if explain(error, self._link.where) is not None:
                raise
            if len(fitting) == 1:
                if not isinstance(error, psycopg.errors.UniqueViolation):
                    outcomes[next(iter(fitting))] = error
                return set()  # if something is there already, the second step says what
            return {key for at, one in fitting.items() for key in self._send({at: one}, outcomes)}
        if stored:
            self.commits += 1
            self.epoch = self.epoch._replace(log=max(log, self.epoch.log))
        for one in fitting.values():
            if one.starts and one.item.records and one.key in stored:
                self._known[one.item.lease.session_id] = (one.key, True)
        return stored

    def _load(self, session_ids: list[str], outcomes: list[Outcome], part: list[int]) -> None:
        """Find the numbers of sessions that are not known yet."""
        wanted: list[bytes] = []
        for session_id, at in zip(session_ids, part, strict=True):
            if session_id not in self._known:
                try:
                    wanted.append(encode(session_id))
                except UnicodeEncodeError as fault:
                    outcomes[at] = fault
        if not wanted:
            return
        if len(self._known) > KNOWN_MAX:
            self._known.clear()
            self._load(session_ids, outcomes, part)
            return
        with self._link as connection:
            for session_id, key, made_in in connection.execute(_KEYS, (wanted,), binary=True):
                self._known[session_id.decode()] = (key, made_in == self.epoch.ordinal)

    def _second_step(self, item: AppendItem) -> Outcome:
        """What became of an item that was not stored with its batch; a refusal, or None if it is stored."""
        try:
            with self._link as connection:
                rest = self._judge(connection, item)
            return None if rest is None else self._append_alone(rest)
        except JournalError as refusal:
            return refusal
        except (TypeError, ValueError) as fault:
            return fault

    def _append_alone(self, item: AppendItem) -> Outcome:
        """An item without records of which some answers are stored already: the rest of it."""
        outcomes: list[Outcome] = [None]
        key, _ = self._known[item.lease.session_id]
        if not self._send({0: batch.prepare(key, item, starts=False)}, outcomes) and outcomes[0] is None:
            raise Unavailable(f"session {item.lease.session_id} changed meanwhile: try again")
        return outcomes[0]

    def _judge(self, connection: Connection, item: AppendItem) -> AppendItem | None:
        """None if the item is stored already; what is left of it if that can still be stored. Else raises why it is refused."""
        session_id = item.lease.session_id
        standing = find_leased(connection, item.lease)
        if item.expected_head != standing.head:
            if _is_stored(connection, standing, item):
                # It may be visible before it is safe: a commit of our own waits for all that came before it.
                connection.execute(_CONFIRM)
                return None
            raise Conflict(
                f"session {session_id} stands at {standing.head}, not at {item.expected_head} as its owner expected"
            )
        follow(item.records, standing.head)
        if len({entry.submission_id for entry in item.idempotency}) < len(item.idempotency):
            raise Conflict("one submission id stands twice in one item")
        earlier = _answers(connection, standing.key, item)
        for entry in item.idempotency:
            found = earlier.get(entry.submission_id)
            if found is not None and (item.records or found != entry):
                what = f"submission {entry.submission_id!r} of session {session_id}"
                raise AlreadyAnswered(f"{what} has its answer already", found)
        if item.row is not None and item.row.session_id != session_id:
            raise Conflict(f"the row of session {item.row.session_id} does not belong to {session_id}")
        check_private(item)
        if not earlier:
            raise Unavailable(f"session {session_id} changed meanwhile, or a new epoch began: try again")
        left = tuple(entry for entry in item.idempotency if entry.submission_id not in earlier)
        return msgspec.structs.replace(item, idempotency=left)


def _divide(items: Sequence[AppendItem]) -> Iterator[list[int]]:
    """The places of the items in parts, in order, each part with one item of a session at most."""
    part: list[int] = []
    seen: set[str] = set()
    for at, item in enumerate(items):
        if item.lease.session_id in seen:
            yield part
            part, seen = [], set()
        part.append(at)
        seen.add(item.lease.session_id)
    if part:
        yield part


def _is_well_formed(item: AppendItem) -> bool:
    """Whether nothing in the item itself speaks against it; if something does, the second step says what comes first."""
    try:
        follow(item.records, item.expected_head)
        if item.private:
            check_private(item)
    except Conflict:
        return False
    if item.idempotency and len({entry.submission_id for entry in item.idempotency}) < len(item.idempotency):
        return False
    return item.row is None or item.row.session_id == item.lease.session_id


def check_private(item: AppendItem) -> None:
    """Raise `Conflict` unless each private record is of another record of its item."""
    seqs = [private.seq for private in item.private]
    own = {record.seq for record in item.records}
    if len(own.intersection(seqs)) < len(seqs):
        raise Conflict(f"the private records {seqs} are not each of another record of this item")


def _answers(connection: Connection, key: int, item: AppendItem) -> dict[str, IdempotencyRecord]:
    """The answers that are stored for the item's submissions."""
    if not item.idempotency:
        return {}
    ids = [encode(entry.submission_id) for entry in item.idempotency]
    found = connection.execute(_ANSWERS, (key, ids), binary=True).fetchall()
    entries = [IdempotencyRecord(submission_id.decode(), digest, answer) for submission_id, digest, answer in found]
    return {entry.submission_id: entry for entry in entries}


def _is_stored(connection: Connection, standing: Standing, item: AppendItem) -> bool:
    """Whether the item is a retry of one that was stored under this term."""
    if not item.records or not standing.term_head <= item.expected_head <= item.records[-1].seq <= standing.head:
        return False
    bounds = (standing.key, item.expected_head + 1, item.records[-1].seq)
    given = [(record.seq, record.seq - record.first_seq, record.data) for record in item.records]
    if connection.execute(_EVENTS, bounds, binary=True).fetchall() != given:
        return False
    private = connection.execute(_PRIVATE, bounds, binary=True).fetchall()
    if private != [msgspec.structs.astuple(one) for one in item.private]:
        return False
    earlier = _answers(connection, standing.key, item)
    return all(earlier.get(entry.submission_id) == entry for entry in item.idempotency)
