"""Hanging work, as a hook of the server: a disk and a name server that never answer, for one user's session and one name."""

import socket
import threading
from typing import Any

from agent.workspace.workspace import Workspace

MARK = "hangs.txt"
"""The listing of a workspace with this file never ends."""

SILENT = "silent.example"
"""Looking up this name never ends."""


def hang() -> None:
    """Let `Workspace.listing` and `socket.getaddrinfo` hang for these."""
    listing, getaddrinfo = Workspace.listing, socket.getaddrinfo
    never = threading.Event()

    def listing_that_may_hang(self: Workspace, path: str, recursive: bool) -> Any:
        if (self.root / MARK).exists():
            never.wait()
        return listing(self, path, recursive)

    def getaddrinfo_that_may_hang(host: Any, *more: Any, **named: Any) -> Any:
        if host == SILENT:
            never.wait()
        return getaddrinfo(host, *more, **named)

    setattr(Workspace, "listing", listing_that_may_hang)  # noqa: B010  # the type checker refuses a plain assignment
    setattr(socket, "getaddrinfo", getaddrinfo_that_may_hang)  # noqa: B010  # as above
