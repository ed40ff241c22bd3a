"""Zygote: a process that has imported everything and forks a server on demand, which saves the imports.

`python -m tests.faults.process.zygote FD`: FD is a Unix socket of whole packets. Each packet is an `Order` in JSON with the
descriptor of another such socket, on which the `Report`s about that server come, and perhaps that of a socket to listen
on. It ends when the first socket does, and nothing outlives it.
"""

import asyncio
import ctypes
import gc
import logging
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

import msgspec
import uvloop  # noqa: F401

import agent.models.litellm_provider  # noqa: F401
import server.telemetry.logs  # noqa: F401
import tests.faults.harness.tools  # noqa: F401  # what a turn does not import; LiteLLM is the reason for all this
from protocol.submissions import UserInput
from server.cli import main as cli  # noqa: F401
from server.telemetry.secrets import KnownSecrets
from tests.faults.harness.order import Order, Report
from tests.faults.process import entry
from tests.support.application import settings_for
from tests.support.constants import restore
from tests.support.live import DONE, client, listening
from tests.support.models.scripted_model import ScriptedModel, text

ORDER_BYTES_MAX = 1_048_576
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """SIGKILL for this process when the thread that forked it ends."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


async def warm_up(folder: Path) -> None:
    """A server here, and one turn: what is imported, compiled or cached at first use is so in every child.

    Not on uvloop, whose first look-up of an address starts threads that stay.
    """
    logging.disable()
    async with ScriptedModel([text("hello")]) as model:
        settings = settings_for(folder, model)
        KnownSecrets(settings, os.environ)
        async with listening(settings) as live, client(live) as one:
            await one.synced()
            await one.send(UserInput(text="hello"))
            await one.until_type(*DONE)
    restore()
    logging.disable(logging.NOTSET)


def refuse_threads() -> None:
    """A process of several threads must not be forked. One that was joined may still be on its way out of the kernel."""
    deadline = time.monotonic() + 5.0
    while len(os.listdir("/proc/self/task")) > 1:
        if time.monotonic() > deadline:
            raise RuntimeError(f"threads were left over: {threading.enumerate()}")
        time.sleep(0.001)


def prepare() -> None:
    """All that is done once, before the first fork."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(warm_up(Path(folder)))
    refuse_threads()
    gc.collect()
    gc.freeze()  # a collection writes into what it walks, and a child would copy all of this process's pages


def serve_orders(descriptor: int) -> None:
    """Fork a server for each order that comes here, until there is nobody to give them."""
    orders = socket.socket(fileno=descriptor)
    orders.setblocking(False)
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    children: dict[int, socket.socket] = {}
    orders.send(b"ready")
    while True:
        readable, _, _ = select.select([orders, woken], [], [])
        if woken in readable:
            woken.recv(4096)
            _reap(children)
        if orders in readable:
            data, fds, _, _ = socket.recv_fds(orders, ORDER_BYTES_MAX, 2)
            if not data:
                return
            reports, given = socket.socket(fileno=fds[0]), fds[1:]
            order = msgspec.json.decode(data, type=Order)
            pid = os.fork()
            if pid == 0:
                _child(order, reports, given, [orders, woken, wake, *children.values()])
            for descriptor in given:
                os.close(descriptor)
            children[pid] = reports
            _send(reports, Report(pid=pid))


def _reap(children: dict[int, socket.socket]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with children.pop(pid) as reports:
            _send(reports, Report(status=status))


def _send(reports: socket.socket, report: Report) -> None:
    try:
        reports.send(msgspec.json.encode(report))
    except OSError:
        return  # the test is over and did not wait


def _child(order: Order, reports: socket.socket, given: list[int], others: list[socket.socket]) -> NoReturn:
    code = 1
    try:
        die_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in others:
            other.close()
        for path, descriptor in ((order.stdout, 1), (order.stderr, 2)):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(file, descriptor)
            os.close(file)
        handed_over = [word for descriptor in given for word in ("--fd", str(descriptor))]
        code = entry.serve(order, handed_over, lambda report: _send(reports, report))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    die_with_parent()
    prepare()
    serve_orders(int(sys.argv[1]))
