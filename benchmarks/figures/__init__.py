"""Figures: what is measured, by name, in the order of the table."""

from collections.abc import Awaitable, Callable, Mapping

from benchmarks.figures import (
    acp,
    ages,
    ahp,
    cpu,
    deflate,
    floor,
    formats,
    frames,
    interrupt,
    memory,
    nodes,
    page,
    replay,
    startup,
)
from benchmarks.table import Row

FIGURES: Mapping[str, Callable[[], Awaitable[list[Row]]]] = {
    "cpu": cpu.measure,
    "formats": formats.measure,
    "ages": ages.measure,
    "floor": floor.measure,
    "frames": frames.measure,
    "deflate": deflate.measure,
    "acp": acp.measure,
    "ahp": ahp.measure,
    "replay": replay.measure,
    "startup": startup.measure,
    "memory": memory.measure,
    "interrupt": interrupt.measure,
    "page": page.measure,
    "nodes": nodes.measure,
}
