"""Journal model: a journal in plain Python; the real ones are compared with it."""

from dataclasses import dataclass, field

import msgspec

from server.journal.base import (
    AlreadyAnswered,
    AppendItem,
    Conflict,
    Deleted,
    Fenced,
    HeldClaim,
    IdempotencyRecord,
    Lease,
    NotFound,
    Record,
    SessionRow,
)


@dataclass
class ModelSession:
    """What a session holds, in plain words."""

    row: SessionRow
    term: int = 1
    term_head: int = 0
    records: list[Record] = field(default_factory=list)
    idempotency: dict[str, IdempotencyRecord] = field(default_factory=dict)
    snapshot: tuple[int, bytes] | None = None
    deleted: bool = False
    claims: dict[str, HeldClaim] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return self.records[-1].seq if self.records else 0


Model = dict[str, ModelSession]


def there(model: Model, session_id: str) -> ModelSession:
    if session_id not in model:
        raise NotFound(session_id)
    if model[session_id].deleted:
        raise Deleted(session_id)
    return model[session_id]


def leased(model: Model, lease: Lease) -> ModelSession:
    session = there(model, lease.session_id)
    if lease.term != session.term:
        raise Fenced(lease.session_id)
    return session


def follow(records: tuple[Record, ...], head: int) -> int:
    for record in records:
        if not head + 1 == record.first_seq <= record.seq:
            raise Conflict("a hole")
        head = record.seq
    return head


def append(model: Model, item: AppendItem) -> None:
    session = leased(model, item.lease)
    if item.expected_head != session.head:
        stored = [record for record in session.records if record.seq > item.expected_head]
        retried = stored[: len(item.records)] == list(item.records) and item.expected_head >= session.term_head
        if not (
            item.records and retried and all(session.idempotency.get(s.submission_id) == s for s in item.idempotency)
        ):
            raise Conflict("the head")
        return
    follow(item.records, session.head)
    if len({entry.submission_id for entry in item.idempotency}) < len(item.idempotency):
        raise Conflict("twice")
    for entry in item.idempotency:
        earlier = session.idempotency.get(entry.submission_id)
        if earlier is not None and (item.records or earlier != entry):
            raise AlreadyAnswered("answered", earlier)
    session.records += item.records
    session.idempotency |= {entry.submission_id: entry for entry in item.idempotency}
    session.row = item.row or session.row


def merge(model: Model, lease: Lease, lo: int, hi: int, records: tuple[Record, ...]) -> None:
    session = leased(model, lease)
    if not records or follow(records, lo - 1) != hi:
        raise Conflict("not covered")
    inside = [record for record in session.records if lo <= record.seq <= hi]
    if not inside or (inside[0].first_seq, inside[-1].seq) != (lo, hi):
        raise Conflict("no borders")
    at = session.records.index(inside[0])
    session.records[at : at + len(inside)] = records


def claim(model: Model, made: HeldClaim) -> None:
    held = {name: one for session in model.values() for name, one in session.claims.items()}
    earlier = held.get(made.claim_id)
    if earlier is None:
        there(model, made.session_id).claims[made.claim_id] = made
    elif earlier.session_id != made.session_id:
        raise Conflict("another session's")
    else:
        model[made.session_id].claims[made.claim_id] = msgspec.structs.replace(made, claimed_at=earlier.claimed_at)
