"""Slow readers: what many sockets take slowly of one session costs the server one copy, whatever they take it by."""

import statistics
from pathlib import Path

import pytest

from protocol import events as ev
from protocol.codec import encode
from server.journal.base import AppendItem, Record, SessionRow
from server.journal.sqlite import open_journal
from server.transport.websocket import SEND_BUFFER_BYTES
from tests.faults.harness.lengths import few, length
from tests.faults.harness.memory import mapped_kib
from tests.faults.process.process import ServerProcess, Zygote
from tests.hostile.slow_readers import slow_readers
from tests.support.application import settings_for
from tests.unit.server.journal.builders import NOON

pytestmark = pytest.mark.timeout(300)

SOCKETS = length(40, 200)
TEXT = "\x01" * 880_000
"""A code point is six bytes of JSON, so that a message of a snapshot has 5 MiB."""
SESSION, OTHER = f"{7:032x}", f"{8:032x}"

LAST = b'"type":"synced"'
WAYS = {
    "a snapshot": "",
    "an event of the journal": "?after=0",
    "an event in parts": "?after=0&max_message=32768",
    "an event in large parts": "?after=0&max_message=4194304",
}
MESSAGES = {"a snapshot": length(1, 3)}
"""Of the session; else one: it takes long enough."""


@pytest.mark.parametrize("way", few([*WAYS], 2))
async def test_what_slow_readers_are_sent_costs_one_copy(zygote: Zygote, tmp_path: Path, way: str) -> None:
    await write_session(tmp_path / "data", SESSION, [TEXT] * MESSAGES.get(way, 1))
    await write_session(tmp_path / "data", OTHER, ["short"])
    settings = settings_for(
        tmp_path / "data",
        socket={"sockets_per_session_max": 2 * SOCKETS, "ping_interval_s": 3_600},
        auth={"mode": "local", "local_token": True},
    )
    async with ServerProcess(zygote, tmp_path, settings) as server:
        await server.start()
        token = (tmp_path / "data" / "token").read_text().strip()
        kib: list[int] = []

        async def read(path: str, count: int) -> int:
            """The bytes that each of many readers has got in the end; `kib` has the server's memory meanwhile."""
            kib.clear()
            async with slow_readers(server.port, f"/ws/{path}", token, count) as readers:
                return await readers.read_all(LAST, lambda: kib.append(mapped_kib(server.pid)))

        await read(f"{SESSION}?after=0", 1)  # which wakes the session
        await read(OTHER, SOCKETS)
        idle = kib[-1]
        size = await read(SESSION + WAYS[way], SOCKETS)
        lasting, most = ((one - idle) * 1_024 for one in (statistics.median(kib), max(kib)))
        print(f"{way}: {SOCKETS} sockets, {size / 2**20:.1f} MiB each: {lasting / 2**20:+.1f}, {most / 2**20:+.1f} MiB")
        waiting = SOCKETS * 3 * SEND_BUFFER_BYTES  # a part of its own that waits, and what the transport holds
        assert lasting < 1.5 * size + waiting
        # It is copied while it is made: SQLite reads it with two copies, and one more becomes what is sent. They are there for a moment.
        assert most < 3 * size + waiting


async def write_session(data: Path, session_id: str, texts: list[str]) -> None:
    """Write a session of such messages into the journal of a server that does not run yet."""
    row = SessionRow(session_id, "local", "A title", "", NOON, NOON, len(texts), "idle", b"[]", False, b"{}")
    journal = await open_journal(data)
    try:
        lease = await journal.create(row)
        for seq, text in enumerate(texts, 1):
            event = ev.AssistantMessageEvent(
                seq=seq,
                at=NOON,
                message_id=f"m-{seq}",
                text=text,
                reasoning="",
                tool_calls=[],
                finish_reason="stop",
                sealed=False,
            )
            await journal.append(AppendItem(lease, seq - 1, (Record(seq, seq, encode(event)),), row=row))
    finally:
        await journal.aclose()
