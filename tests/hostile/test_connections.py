"""Hostile connections: made as fast as one client can, they delay nobody. Also: the harness fails where it should."""

from pathlib import Path

import pytest

from tests.faults.process.process import Zygote
from tests.hostile.harness import LIVEZ_MS, SLOWED, Figures, under_attack

pytestmark = pytest.mark.timeout(120)

ALONE = Figures(livez_p99_ms=1.0, livez_max_ms=2.0, token_p99_ms=5.0, turn_ms=800.0, memory_mib=100.0, descriptors=20)


async def test_connections_and_requests_without_a_pause_delay_nobody(zygote: Zygote, tmp_path: Path) -> None:
    async with under_attack(zygote, tmp_path) as beside:
        await beside.check("tests.hostile.attacks.connections:sockets_that_come_and_go")
        await beside.check("tests.hostile.attacks.connections:requests_without_pause")


def test_the_bar_is_missed_by_a_slow_livez_and_by_slow_turns() -> None:
    slow = Figures(
        livez_p99_ms=LIVEZ_MS + 1,
        livez_max_ms=300.0,
        token_p99_ms=400.0,
        turn_ms=SLOWED * ALONE.turn_ms + 1,
        memory_mib=110.0,
        descriptors=25,
    )
    assert slow.misses(ALONE) == (
        f"/livez took {LIVEZ_MS + 1:.0f} ms (p99), the bar is {LIVEZ_MS:g} ms; a turn took {slow.turn_ms:.0f} ms, alone 800 ms"
    )
    assert ALONE.misses(ALONE) == ""
    assert slow.row("name", ALONE) == f"| name | {LIVEZ_MS + 1:.1f} | 300.0 | 400.0 | {SLOWED:.2f} | +10 | +5 |"
