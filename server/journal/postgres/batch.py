"""Append batch: items of different sessions as one statement, which stores those that fit and says which they are.

The statement goes through libpq with its arrays packed by hand, prepared once for each link: this is the journal's hot path.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from psycopg import pq

from server.journal.base import AppendItem
from server.journal.postgres import packing
from server.journal.postgres.errors import error_of
from server.journal.postgres.lineage import Epoch
from server.journal.postgres.rows import encode, row_values

_ROW = (
    "user_id",
    "title",
    "model",
    "created_at",
    "last_active_at",
    "state",
    "pending_approval",
    "options",
    "title_folded",
)
"""Columns of a row that are byte strings. Two more are numbers: `message_count`, `unfinished`."""

_ITEM = "unnest($2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[]"
_EVENTS = """
    INSERT INTO events (session, seq, span, data)
    SELECT e.* FROM unnest($7::int8[], $8::int8[], $9::int8[], $10::bytea[]) AS e(key, seq, span, data)
    WHERE (e.key IN (SELECT key FROM ok)) IS TRUE
"""
"""`IS TRUE` keeps the planner from making a join of it: a hash of the keys is asked for each event."""

_STORED = "SELECT key, (SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8) FROM ok"

_FITS = """
    s.key BETWEEN i.key AND i.key AND s.term = i.term AND s.head = i.expected AND s.deleted IS NOT TRUE
    AND (SELECT epoch FROM meta) = $1
"""
"""Written so that it can only be done by key. By `s.key = i.key AND NOT s.deleted` the planner might read whole indexes of sessions, as long
as it believes that there are few, and PostgreSQL keeps such a plan for a minute or more.
"""

_TEXT = f"""
    WITH item AS (SELECT * FROM {_ITEM}) AS i(key, term, expected, head, size)),
    ok AS (
        UPDATE sessions s SET head = i.head, bytes = s.bytes + i.size FROM item i WHERE {_FITS} RETURNING s.key
    ),
    stored AS ({_EVENTS})
    {_STORED}
"""
"""For items that are events and nothing else, which nearly all are."""

_WHOLE = f"""
    WITH item AS (
        SELECT * FROM {_ITEM}, {", ".join(f"${11 + at}::bytea[]" for at in range(len(_ROW)))}, $20::int8[], $21::int8[])
            AS i(key, term, expected, head, size, {", ".join(_ROW)}, message_count, unfinished)
    ),
    answer AS (
        SELECT * FROM unnest($22::int8[], $23::bytea[], $24::bytea[], $25::bytea[]) AS a(key, id, digest, answer)
    ),
    ok AS (
        UPDATE sessions s SET head = i.head, bytes = s.bytes + i.size,
            {", ".join(f"{name} = coalesce(i.{name}, s.{name})" for name in _ROW)},
            message_count = CASE WHEN i.user_id IS NULL THEN s.message_count ELSE i.message_count END,
            unfinished = CASE WHEN i.user_id IS NULL THEN s.unfinished ELSE i.unfinished = 1 END
        FROM item i
        WHERE {_FITS} AND s.key <> ALL (ARRAY(
            SELECT a.key FROM answer a JOIN submissions u ON u.session = a.key AND u.submission_id = a.id
        ))
        RETURNING s.key
    ),
    stored AS ({_EVENTS}),
    beside AS (
        INSERT INTO private (session, seq, data)
        SELECT p.* FROM unnest($26::int8[], $27::int8[], $28::bytea[]) AS p(key, seq, data)
        WHERE (p.key IN (SELECT key FROM ok)) IS TRUE
    ),
    answered AS (
        INSERT INTO submissions (session, submission_id, digest, answer)
        SELECT a.* FROM answer a WHERE (a.key IN (SELECT key FROM ok)) IS TRUE
    ),
    taken AS (
        DELETE FROM inbox w USING answer a
        WHERE w.session = a.key AND w.submission_id = a.id AND (a.key IN (SELECT key FROM ok)) IS TRUE
    ),
    spent AS (
        INSERT INTO spending AS s (user_id, day, tokens, microdollars)
        SELECT g.user_id, g.day, sum(g.tokens), sum(g.micro)
        FROM unnest($29::int8[], $30::bytea[], $31::bytea[], $32::int8[], $33::int8[]) AS g(key, user_id, day, tokens, micro)
        WHERE (g.key IN (SELECT key FROM ok)) IS TRUE GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (user_id, day) DO UPDATE
            SET tokens = s.tokens + excluded.tokens, microdollars = s.microdollars + excluded.microdollars
    ),
    started AS (
        INSERT INTO epoch_starts (session, ordinal, first_seq)
        SELECT g.key, $1, g.seq FROM unnest($34::int8[], $35::int8[]) AS g(key, seq)
        WHERE (g.key IN (SELECT key FROM ok)) IS TRUE ON CONFLICT DO NOTHING
    )
    {_STORED}
"""
"""Rows that other servers lock too are locked in one order: of sessions by `send`, of spending here. Two that lock them in another order each
wait for the other, for a second, until the database ends one.
"""

_I, _B = packing.INT8_ARRAY, packing.BYTEA_ARRAY
_TEXT_TYPES = [packing.INT8, *[_I] * 8, _B]
_WHOLE_TYPES = [*_TEXT_TYPES, *[_B] * 9, _I, _I, _I, _B, _B, _B, _I, _I, _B, _I, _B, _B, _I, _I, _I, _I]

PREPARE = ((b"append_text", _TEXT.encode(), _TEXT_TYPES), (b"append_whole", _WHOLE.encode(), _WHOLE_TYPES))
"""Name, text and types of the parameters of each statement that a link prepares."""

PLANS = b"""
    SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off; SET enable_bitmapscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off
"""
"""All look-ups are by key, whatever the statistics of a young table say; a plan is made once, not for each batch."""


class Prepared(NamedTuple):
    """An item that may fit, by its session's number. `starts`: it is the first of its session that this server stores in the epoch."""

    key: int
    item: AppendItem
    starts: bool
    row: tuple[bytes | int | bool, ...] | None
    answers: tuple[tuple[bytes, bytes, bytes], ...]
    spent: tuple[bytes, bytes, int, int] | None
    size: int


def prepare(key: int, item: AppendItem, *, starts: bool) -> Prepared:
    """An item in the form in which it is sent. Raises what shows that it cannot be stored: UnicodeEncodeError, TypeError."""
    row = None if item.row is None else row_values(item.row)
    if row is not None:
        _check_bytes(row[8])
        _check_bytes(row[10])
    answers = tuple((encode(one.submission_id), one.digest, one.answer) for one in item.idempotency)
    for _, digest, answer in answers:
        _check_bytes(digest)
        _check_bytes(answer)
    for record in item.records:
        _check_bytes(record.data)
    for private in item.private:
        _check_bytes(private.data)
    spent = None
    if item.spent is not None and item.records:
        one = item.spent
        spent = (encode(one.user_id), encode(one.day), one.tokens, one.microdollars)
    size = sum(len(record.data) for record in item.records) + sum(len(private.data) for private in item.private)
    return Prepared(key, item, starts, row, answers, spent, size)


def _check_bytes(data: object) -> None:
    if not isinstance(data, bytes):
        raise TypeError(f"the journal stores bytes, not {type(data).__name__}")


def send(pgconn: pq.abc.PGconn, epoch: Epoch, batch: Sequence[Prepared]) -> tuple[set[int], int]:
    """Store the batch, which has one item of a session at most; the keys of those stored, and the log's position.

    Raises psycopg.Error; then whether they were stored is not known.
    """
    batch = sorted(batch, key=attrgetter("key"))
    whole = any(one.row or one.answers or one.spent or one.starts or one.item.private for one in batch)
    values = [packing.int8(epoch.ordinal), *_text_values(batch)]
    if whole:
        values += _other_values(batch)
    name = b"append_whole" if whole else b"append_text"
    result = pgconn.exec_prepared(name, values, [1] * len(values), 1)
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise error_of(result)
    stored = {packing.read_int8(result.get_value(at, 0)) for at in range(result.ntuples)}
    return stored, packing.read_int8(result.get_value(0, 1)) if stored else 0


def _text_values(batch: Sequence[Prepared]) -> list[bytes]:
    keys: list[int] = []
    seqs: list[int] = []
    spans: list[int] = []
    data: list[bytes | None] = []
    for one in batch:
        for record in one.item.records:
            keys.append(one.key)
            seqs.append(record.seq)
            spans.append(record.seq - record.first_seq)
            data.append(record.data)
    items = [one.item for one in batch]
    return [
        packing.int8s([one.key for one in batch]),
        packing.int8s([item.lease.term for item in items]),
        packing.int8s([item.expected_head for item in items]),
        packing.int8s([item.records[-1].seq if item.records else item.expected_head for item in items]),
        packing.int8s([one.size for one in batch]),
        packing.int8s(keys),
        packing.int8s(seqs),
        packing.int8s(spans),
        packing.byteas(data),
    ]


_BYTE_COLUMNS = (1, 2, 3, 4, 5, 7, 8, 10, 11)
"""Of `row_values`, in the order of `_ROW`."""


def _other_values(batch: Sequence[Prepared]) -> list[bytes]:
    rows = [one.row for one in batch]
    private = [(one.key, entry) for one in batch for entry in one.item.private]
    answers = [(one.key, *answer) for one in batch for answer in one.answers]
    spent = [(one.key, *one.spent) for one in batch if one.spent is not None]
    starts = [one for one in batch if one.starts and one.item.records]
    return [
        *(packing.byteas([None if row is None else _bytes(row[at]) for row in rows]) for at in _BYTE_COLUMNS),
        packing.int8s([0 if row is None else int(row[6]) for row in rows]),
        packing.int8s([0 if row is None else int(row[9]) for row in rows]),
        packing.int8s([key for key, _, _, _ in answers]),
        packing.byteas([submission_id for _, submission_id, _, _ in answers]),
        packing.byteas([digest for _, _, digest, _ in answers]),
        packing.byteas([answer for _, _, _, answer in answers]),
        packing.int8s([key for key, _ in private]),
        packing.int8s([entry.seq for _, entry in private]),
        packing.byteas([entry.data for _, entry in private]),
        packing.int8s([key for key, _, _, _, _ in spent]),
        packing.byteas([user_id for _, user_id, _, _, _ in spent]),
        packing.byteas([day for _, _, day, _, _ in spent]),
        packing.int8s([tokens for _, _, _, tokens, _ in spent]),
        packing.int8s([micro for _, _, _, _, micro in spent]),
        packing.int8s([one.key for one in starts]),
        packing.int8s([one.item.records[0].first_seq for one in starts]),
    ]


def _bytes(value: bytes | int | bool) -> bytes:
    assert isinstance(value, bytes)
    return value
