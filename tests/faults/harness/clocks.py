"""Clocks: of a server process, set wrong."""

import time

from tests.faults.harness.order import Hook


def wrong_by(seconds: int) -> Hook:
    """For `ServerProcess(hooks=...)`: its clock is ahead by so much, or behind."""
    return Hook("tests.faults.harness.clocks:set_clock", {"seconds": seconds})


def set_clock(seconds: int) -> None:
    """Have this process take the time for another."""
    at, at_ns = time.time, time.time_ns
    time.time = lambda: at() + seconds
    time.time_ns = lambda: at_ns() + seconds * 1_000_000_000
