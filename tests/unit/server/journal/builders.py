"""Builders: rows, records and items for all tests of journals."""

from server.journal.base import AppendItem, IdempotencyRecord, Journal, Lease, Record, SessionRow

NOON = "2026-11-21T12:00:00.000Z"


def row(
    session_id: str = "s", *, user_id: str = "ann", last_active_at: str = NOON, unfinished: bool = False
) -> SessionRow:
    return SessionRow(
        session_id=session_id,
        user_id=user_id,
        title="a title",
        model="demo",
        created_at=NOON,
        last_active_at=last_active_at,
        message_count=3,
        state="idle",
        pending_approval=b'[{"tool":"write"}]',
        unfinished=unfinished,
        options=b'{"colour":"blue"}',
    )


def records(head: int, *texts: str) -> tuple[Record, ...]:
    """One record of one event for each text, following `head`."""
    return tuple(Record(head + i, head + i, text.encode()) for i, text in enumerate(texts, 1))


def item(
    lease: Lease, head: int, *texts: str, idempotency: tuple[IdempotencyRecord, ...] = (), row: SessionRow | None = None
) -> AppendItem:
    return AppendItem(lease, head, records(head, *texts), idempotency, row)


def accepted(submission_id: str, answer: str = "yes") -> IdempotencyRecord:
    return IdempotencyRecord(submission_id, b"digest of " + submission_id.encode(), answer.encode())


async def begin(journal: Journal, session_id: str = "s", *texts: str) -> Lease:
    """A session with one event for each text."""
    lease = await journal.create(row(session_id))
    if texts:
        await journal.append(item(lease, 0, *texts))
    return lease


async def texts(journal: Journal, session_id: str = "s", after: int = 0) -> list[str]:
    """What all records after a position hold."""
    found: list[str] = []
    while read := await journal.read(session_id, after):
        found += [record.data.decode() for record in read]
        after = read[-1].seq
    return found
