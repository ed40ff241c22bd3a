"""File descriptors: how many this process may open, and a warning before there are none left."""

import asyncio
import logging
import os
import sys

if sys.platform != "win32":
    import resource

log = logging.getLogger("holdfast.server")

WANTED = 65_536
"""Descriptors that are enough for every other bound of the server: the soft limit is raised to it where the system allows."""

WARN_SHARE, CALM_SHARE = 0.8, 0.7
"""A warning is logged above the first share of the limit, and the next one only after the number fell below the second."""

CHECK_S = 5.0
"""Seconds between two checks; one reads a folder of /proc."""


def raise_limit() -> int:
    """Raise the soft limit of open descriptors (setrlimit(2), RLIMIT_NOFILE) as far as useful; the limit that holds now."""
    if sys.platform == "win32":
        return WANTED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return WANTED if soft == resource.RLIM_INFINITY else soft


class DescriptorWarning:
    """Decides when to warn. `limit`: how many descriptors the process may open."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._warned = False

    def check(self, count: int) -> str:
        """The warning to log with `count` descriptors open; empty if there is none, or if it was given already."""
        if self._warned or count < WARN_SHARE * self._limit:
            self._warned = self._warned and count >= CALM_SHARE * self._limit
            return ""
        self._warned = True
        return (
            f"{count} of {self._limit} file descriptors are open; with none left, no client can connect. "
            "Raise the limit (LimitNOFILE= of the systemd unit, ulimit -n), or find out who opens so many connections"
        )


async def watch_descriptors(limit: int) -> None:
    """Warn in the log while few descriptors are left. Needs /proc, as Linux has it."""
    warning = DescriptorWarning(limit)
    while sys.platform == "linux":
        message = warning.check(_count_open())
        if message:
            log.warning("%s", message)
        await asyncio.sleep(CHECK_S)


def _count_open() -> int:
    return sum(1 for _ in os.scandir("/proc/self/fd"))
