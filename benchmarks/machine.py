"""Machine: what a reader must know of it to judge the figures. No host names and no paths."""

import importlib.util
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("litellm", "uvicorn", "starlette", "websockets", "msgspec", "uvloop", "httpx", "aiohttp")


def describe() -> str:
    """A few lines of markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        (
            f"- {datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores, {_processor()}, {_memory_gib():.0f} GiB; {_system()}",
            f"- dependencies {'compiled' if _compiled() else 'not compiled: every start compiles them'}; {_scheduling()}",
            f"- {platform.python_implementation()} {platform.python_version()}; {versions}",
            f"- load of the machine over the last minute, before the run: {os.getloadavg()[0]:.1f}",
        )
    )


def go_ahead() -> None:
    """Run before everything else on the machine, with all processes begun later. Raises PermissionError."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def _scheduling() -> str:
    return (
        "ahead of all other work (--ahead)"
        if os.sched_getscheduler(0) == os.SCHED_RR
        else "beside other work, if there was some"
    )


def _compiled() -> bool:
    source = importlib.util.find_spec("starlette.routing")
    return source is not None and source.cached is not None and Path(source.cached).exists()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, kernel {platform.release().partition('-')[0]}"
