"""A session as a file: JSON Lines, first what is known of it, then its events, adjacent text merged. For routes, datasets and the command line."""

from collections.abc import AsyncIterator, Iterable, Iterator

import msgspec

from server.journal.base import Journal, Record, SessionRow, Stat
from server.sessions.replay import merged, replay

FORMAT = 1
"""Of the file; it grows when what a reader may rely on changes."""
PIECE_BYTES = 4_194_304
"""Event data of one piece, at most."""
MEDIA_TYPE = "application/jsonl; charset=utf-8"


class ExportHeader(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session"):
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


def header_line(row: SessionRow, epoch: str, seq: int) -> bytes:
    """The first line."""
    told = {name: getattr(row, name) for name in ExportHeader.__struct_fields__ if hasattr(row, name)}
    return msgspec.json.encode(ExportHeader(format=FORMAT, epoch=epoch, seq=seq, **told)) + b"\n"


def event_lines(records: Iterable[Record], after: int) -> Iterator[bytes]:
    """The lines of some of its events, which follow `after`."""
    for record in merged(list(records), after):
        yield record.data + b"\n"


async def export_chunks(journal: Journal, stat: Stat) -> AsyncIterator[bytes]:
    """The whole file, up to where `stat` says that the session stands. Raises `JournalError`."""
    yield header_line(stat.row, stat.epoch, stat.head)
    async for batch in replay(journal, stat.row.session_id, 0, stat.head, PIECE_BYTES):
        yield b"".join(record.data + b"\n" for record in batch)


def file_name(session_id: str) -> str:
    """What the file is called."""
    return f"holdfast-{session_id}.jsonl"
