"""Requests: what is asked of the process that forks, with descriptors, over a UNIX socket of whole packets.

Each connection is one request. The fork keeps its end of it open, so that it closes when the fork ends.
"""

import marshal
import socket
from pathlib import Path

import msgspec

REQUEST_BYTES_MAX = 131_072

address: Path | None = None
"""Where the process listens that forked this one; None: nobody did, and what is needed is started plainly."""


class Request(msgspec.Struct):
    """A fork. `argv` empty: it serves orders for servers that come at its one descriptor. Else it is an interpreter with
    these arguments, its first three descriptors, and this environment and folder.

    It is sent as a tuple, by `marshal`: `worker.py` has that without an import that takes time."""

    argv: list[str] = []
    environ: dict[str, str] = {}
    folder: str = "."


def ask(path: Path, request: Request, descriptors: list[int]) -> socket.socket:
    """Ask for a fork; the socket that closes when it ends."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(str(path))
    socket.send_fds(connection, [marshal.dumps(msgspec.structs.astuple(request))], descriptors)
    return connection
