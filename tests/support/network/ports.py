"""Ports: free ports for the servers of tests. No two tests, and no two workers, are given the same one."""

import itertools
import os
import random
import socket
from collections.abc import Iterator

PORTS = range(20_000, 32_000)
"""Below the kernel's own range for outgoing connections, so that nobody takes a port while its server is down."""
SHARES = 16
"""So many workers have ports of their own."""


def share(worker: str) -> range:
    """The ports of a worker of pytest-xdist: `gw0`, `gw1`, ...; without a number, those of the first."""
    return PORTS[int(worker.removeprefix("gw") or 0) % SHARES :: SHARES]


_mine = share(os.environ.get("PYTEST_XDIST_WORKER", ""))
_first = random.Random().randrange(len(_mine))
_next: Iterator[int] = itertools.cycle([*_mine[_first:], *_mine[:_first]])


def free_port() -> int:
    """A port that nobody listens on, that no outgoing connection will be given, and that was not given for long."""
    for port in itertools.islice(_next, len(_mine)):
        with socket.socket() as probe, socket.socket(socket.AF_INET6) as probe6:
            try:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe6.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                probe6.bind(("::1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port")
