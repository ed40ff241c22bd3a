"""Entry point of the server under test: the real command line, after failpoints and hooks are installed."""

import importlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from agent.models import ModelChoice
from server.cli import main
from server.cli import serve as serving
from tests.faults.harness.order import Order, Report
from tests.faults.process import failpoints


def serve(order: Order, more: list[str], report: Callable[[Report], None]) -> int:
    """Serve as `holdfast` with the order's arguments and `more` does; its exit code. `report` gets the port once it listens."""
    os.environ.update(order.environ)
    failpoints.install(order.failpoints, Path(order.calls))
    announcement = serving.announcement

    def announce(sockets: list[socket.socket], configured: str, choice: ModelChoice, public: str = "") -> str:
        report(Report(port=sockets[0].getsockname()[1]))
        return announcement(sockets, configured, choice, public)

    serving.announcement = announce
    for hook in order.hooks:
        module, _, function = hook.function.partition(":")
        getattr(importlib.import_module(module), function)(**hook.arguments)
    argv = [*order.argv, *more]
    sys.argv = ["holdfast", *argv]
    return main.main(argv)
