"""Session export: a session as a JSON Lines file. First a header line, then one event a line, adjacent text merged."""

from collections.abc import AsyncIterator, Iterable, Iterator

import msgspec

from server.journal.base import Journal, Record, SessionRow, Stat
from server.sessions.replay import merged, replay
from server.sessions.rows import export_header

CHUNK_BYTES = 262_144
"""Bytes of event data in one chunk, about: little enough to be sent in one step of the event loop."""
MEDIA_TYPE = "application/jsonl; charset=utf-8"


def header_line(row: SessionRow, epoch: str, seq: int) -> bytes:
    """The first line: the session without its events. `seq`: of the last event that follows."""
    return msgspec.json.encode(export_header(row, epoch, seq)) + b"\n"


def event_lines(records: Iterable[Record], after: int) -> Iterator[bytes]:
    """The lines of these records, which follow the event `after`."""
    for record in merged(list(records), after):
        yield record.data + b"\n"


async def export_chunks(journal: Journal, stat: Stat) -> AsyncIterator[bytes]:
    """The whole file in chunks, up to the head of `stat`. Raises `JournalError`."""
    yield header_line(stat.row, stat.epoch, stat.head)
    async for batch in replay(journal, stat.row.session_id, 0, stat.head, CHUNK_BYTES):
        yield b"".join(record.data + b"\n" for record in batch)


def file_name(session_id: str) -> str:
    """The name of the export file."""
    return f"holdfast-{session_id}.jsonl"
