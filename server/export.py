"""A session as a file: JSON Lines, first what is known of it, then its events, adjacent text merged. For routes and the command line."""

from collections.abc import Iterable, Iterator

import msgspec

from server.journal.base import Record, SessionRow
from server.replay import merged

FORMAT = 1
"""Of the file; it grows when what a reader may rely on changes."""
MEDIA_TYPE = "application/jsonl; charset=utf-8"


class Exported(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session"):
    """The first line. `seq`: the last event that follows."""

    format: int
    session_id: str
    user_id: str
    title: str
    model: str
    created_at: str
    last_active_at: str
    message_count: int
    state: str
    epoch: str
    seq: int


def head_line(row: SessionRow, epoch: str, seq: int) -> bytes:
    """The first line."""
    told = {name: getattr(row, name) for name in Exported.__struct_fields__ if hasattr(row, name)}
    return msgspec.json.encode(Exported(format=FORMAT, epoch=epoch, seq=seq, **told)) + b"\n"


def event_lines(records: Iterable[Record], after: int) -> Iterator[bytes]:
    """The lines of some of its events, which follow `after`."""
    for record in merged(list(records), after):
        yield record.data + b"\n"


def file_name(session_id: str) -> str:
    """What the file is called."""
    return f"holdfast-{session_id}.jsonl"
