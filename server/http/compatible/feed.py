"""Feed: a session's events in batches as they are stored, those of the past from the journal. A slow reader needs no memory here."""

import asyncio
from collections.abc import AsyncIterator

from protocol import codec
from protocol.events import Event
from server.sessions.ports.broadcaster import Cursor
from server.websocket.sender import READ_BYTES


async def batches(cursor: Cursor, silence_s: float) -> AsyncIterator[tuple[list[Event], bool]]:
    """Events after the cursor's position, and whether they are all there are. A batch is empty after each `silence_s` seconds
    without one. It ends when the session lets its followers go. Raises `JournalError`."""
    while True:
        events = await cursor.next(READ_BYTES)
        if events:
            yield [codec.decode_event(event.data) for event in events], cursor.at_head
        elif cursor.close_reason is not None:
            return
        else:
            try:
                async with asyncio.timeout(silence_s):
                    await cursor.wait()
            except TimeoutError:
                yield [], cursor.at_head
