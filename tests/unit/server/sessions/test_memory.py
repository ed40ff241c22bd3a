"""Memory of sessions: what one holds while it is awake and idle, in bytes that Python allocated for it."""

import gc
import tracemalloc
from pathlib import Path

from tests.support.application import running, settings_for

SESSIONS = 40
HELD_MAX = 10_000
"""Bytes of a session in which nothing was said. It was 8,900 with Python 3.11; what the process takes follows it."""


async def test_an_idle_session_in_which_nothing_was_said_holds_few_bytes(tmp_path: Path) -> None:
    room = {"awake_max": 2 * SESSIONS, "awake_max_per_user": 2 * SESSIONS}
    async with running(settings_for(tmp_path, sessions=room)) as manager:
        for _ in range(5):  # they leave what is made once for all
            await manager.create_session("ann")
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(SESSIONS):
                await manager.create_session("ann")
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert held / SESSIONS < HELD_MAX
