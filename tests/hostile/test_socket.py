"""Hostile websockets: whatever frames one client sends, the event loop goes on and memory stays bounded."""

import contextlib
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.faults.process.process import Zygote
from tests.hostile.harness import SECONDS, conversation, under_attack

pytestmark = pytest.mark.timeout(300)

HISTORY_S = 2.0
"""So long the attack with snapshots takes to make a long session."""

ATTACKS = [
    "empty_pings",
    "pings_unread",
    "empty_fragments",
    "line_feeds",
    "empty_texts",
    "large_approvals",
    "arrays_of_nils",
    "half_heads",
    "half_open_connections",
]


async def test_no_frames_of_one_client_stop_the_loop(zygote: Zygote, tmp_path: Path) -> None:
    async with under_attack(zygote, tmp_path) as beside:
        for attack in ATTACKS:
            await beside.check(f"tests.hostile.attacks.socket:{attack}")


async def test_snapshots_that_nobody_reads_are_shared_and_a_links_holders_leave_places(
    zygote: Zygote, tmp_path: Path
) -> None:
    async with under_attack(zygote, tmp_path) as beside, contextlib.AsyncExitStack() as stack:
        alone = await beside.measure(None)
        figures = await beside.check("tests.hostile.attacks.socket:unread_snapshots", max(SECONDS, HISTORY_S))
        assert figures.memory_mib - alone.memory_mib < 160, "thirty sockets, 14 MiB each"
        for _ in range(32):
            with contextlib.suppress(InvalidStatus):
                await stack.enter_async_context(beside.target.socket("read"))
        await stack.enter_async_context(conversation(beside.server.port, beside.quiet, beside.target.shared_id))
