"""Rows: the journal's structs as columns of PostgreSQL tables, and back. Text is its bytes in UTF-8."""

from collections.abc import Mapping, Sequence
from typing import Any

from server.journal.base import HeldClaim, JournalError, Record, SessionRow

ROW_COLUMNS = (
    "session_id, user_id, title, model, created_at, last_active_at, message_count, state, pending_approval, "
    "unfinished, options"
)
"""The columns of a `SessionRow` that are stored with it, in the order of its fields."""
READ_COLUMNS = f"{ROW_COLUMNS}, listed"
"""All columns of a `SessionRow`, in the order of its fields."""

CLAIM_COLUMNS = "claim_id, session_id, user_id, kind, detail, claimed_at"
"""The columns of a `HeldClaim`, in the order of its fields."""

SEQ_MAX = 2**63 - 1


def encode(text: str) -> bytes:
    """Text as it is stored. Raises UnicodeEncodeError for half a surrogate pair, which UTF-8 does not have."""
    return text.encode()


def fold(text: str) -> bytes:
    """A title as it is searched: without the difference of upper and lower case. What is no UTF-8 is found nowhere."""
    return text.casefold().encode("utf-8", "surrogatepass")


def row_values(row: SessionRow) -> tuple[bytes | int | bool, ...]:
    """The values of `ROW_COLUMNS`, then the folded title. Raises UnicodeEncodeError."""
    return (
        row.session_id.encode(),
        row.user_id.encode(),
        row.title.encode(),
        row.model.encode(),
        row.created_at.encode(),
        row.last_active_at.encode(),
        row.message_count,
        row.state.encode(),
        row.pending_approval,
        row.unfinished,
        row.options,
        fold(row.title),
    )


def session_row(columns: Sequence[Any]) -> SessionRow:
    """The row of the values of `READ_COLUMNS`."""
    session_id, user_id, title, model, created_at, active_at, count, state, pending, unfinished, options, listed = (
        columns
    )
    return SessionRow(
        session_id.decode(),
        user_id.decode(),
        title.decode(),
        model.decode(),
        created_at.decode(),
        active_at.decode(),
        count,
        state.decode(),
        pending,
        unfinished,
        options,
        listed.decode(),
    )


def claim_values(claim: HeldClaim) -> tuple[bytes, ...]:
    """The values of `CLAIM_COLUMNS`. Raises UnicodeEncodeError."""
    texts = (claim.claim_id, claim.session_id, claim.user_id, claim.kind, claim.detail, claim.claimed_at)
    return tuple(text.encode() for text in texts)


def held_claim(columns: Sequence[Any]) -> HeldClaim:
    """The claim of the values of `CLAIM_COLUMNS`."""
    return HeldClaim(*(text.decode() for text in columns))


def records(session_id: str, after: int, last: int, data: Sequence[bytes], merged: Mapping[int, int]) -> list[Record]:
    """The records after the position `after` up to `last`, of their data in order. `merged`: seq - first_seq of each that stands for
    several, in order. Raises `JournalError` if some are missing.
    """
    if merged:
        found, at, ends = [], after, iter(merged.items())
        seq, span = next(ends)
        for one in data:
            if seq - span <= at + 1 <= seq:
                found.append(Record(seq, seq - span, one))
                at, (seq, span) = seq, next(ends, (0, 0))
            else:
                at += 1
                found.append(Record(at, at, one))
    else:
        positions = range(after + 1, after + 1 + len(data))
        found = list(map(Record, positions, positions, data))
    if found[-1].seq != last:
        raise JournalError(
            f"session {session_id}: of the events from {after + 1} to {last} some are not in the database"
        )
    return found
