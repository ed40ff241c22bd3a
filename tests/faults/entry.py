"""The tests' own entry point of the server: the real command line, after failpoints and hooks are put in their places."""

import importlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from agent.models import Choice
from server import cli
from tests.faults import failpoints
from tests.faults.order import Order, Report


def serve(order: Order, more: list[str], tell: Callable[[Report], None]) -> int:
    """Serve as `holdfast` with the order's arguments and `more` does; its exit code. `tell` hears the port once it listens."""
    os.environ.update(order.environ)
    failpoints.install(order.failpoints, Path(order.calls))
    announcement = cli.announcement

    def announce(sockets: list[socket.socket], asked: str, choice: Choice) -> str:
        tell(Report(port=sockets[0].getsockname()[1]))
        return announcement(sockets, asked, choice)

    cli.announcement = announce
    for hook in order.hooks:
        module, _, function = hook.function.partition(":")
        getattr(importlib.import_module(module), function)(**hook.arguments)
    argv = [*order.argv, *more]
    sys.argv = ["holdfast", *argv]
    return cli.main(argv)
