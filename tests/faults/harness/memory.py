"""Memory: a process's memory and descriptors, from /proc, and how their growth is measured."""

import os
import re
import sys
from collections import Counter
from pathlib import Path

import msgspec

from tests.faults.harness.order import Hook


class Held(msgspec.Struct, frozen=True):
    """What a process holds at one moment: memory of its own, and descriptors by what they are open on."""

    kib: int
    descriptors: Counter[str]


FILLED = Hook("tests.faults.harness.memory:fill_names")
"""For `ServerProcess(hooks=...)`, where growth is measured."""


def fill_names() -> None:
    """In the server: take the one step of CPython's table of interned strings, 3.7 MiB, before anything is measured.

    The table, which holds LiteLLM's names, is made anew and larger once so many strings have come and gone in it: by
    themselves, after some 18,000 turns.
    """
    for number in range(20_000):
        sys.intern(f"a passing name {number}")


def resident_kib(pid: int) -> int:
    """Memory of its own, in KiB: what it shares with its parent since the fork does not count."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    found = dict(re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE))
    return int(found["Private_Clean"]) + int(found["Private_Dirty"]) + int(found["Swap"])


def mapped_kib(pid: int) -> int:
    """All memory in use, in KiB, what it shares with its parent too: for growth, which un-sharing must not be taken for."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1])


def held_by(pid: int) -> Held:
    """What the process holds now."""
    return Held(resident_kib(pid), descriptors(pid))


def descriptors(pid: int) -> Counter[str]:
    """How many are open on each file, and on each TCP port of another process (`tcp to PORT`)."""
    peers = _tcp_peers(pid)
    counts: Counter[str] = Counter()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(entry.path)
        except FileNotFoundError:
            continue
        inode = re.match(r"socket:\[(\d+)\]", target)
        counts[peers.get(inode[1], "socket") if inode else re.sub(r":\[\d+\]", "", target)] += 1
    return counts


def _tcp_peers(pid: int) -> dict[str, str]:
    """The peer's port by a socket's inode. Format: proc(5), /proc/net/tcp."""
    peers: dict[str, str] = {}
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            port = int(fields[2].rpartition(":")[2], 16)
            peers[fields[9]] = f"tcp to {port}" if port else "listening"
    return peers
