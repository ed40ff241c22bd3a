"""Forking process: imports everything, then forks a test worker or a zygote for each request.

`python -m tests.support.forking.process LISTENER LIFE`: descriptors of a listening UNIX socket, and of one that closes when
nobody needs this process any more.
"""

import contextlib
import marshal
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

import mcp  # noqa: F401
import playwright.async_api  # noqa: F401

import server.journal.postgres.journal  # noqa: F401
import tests.support.openid_provider
import tests.support.sandbox.remote  # noqa: F401
from tests.faults.process.zygote import die_with_parent, prepare, serve_orders
from tests.support.forking import requests
from tests.support.forking.interpreter import be_interpreter
from tests.support.forking.requests import REQUEST_BYTES_MAX, Request

STREAMS = 3


def main() -> None:
    """Serve requests until nobody has any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    prepare()
    listener, life = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    requests.address = Path(listener.getsockname())
    while True:
        readable, _, _ = select.select([listener, life], [], [])
        if life in readable:
            break
        connection, _ = listener.accept()
        data, descriptors, _, _ = socket.recv_fds(connection, REQUEST_BYTES_MAX, STREAMS)
        if data and os.fork() == 0:
            listener.close()
            life.close()
            _begin(Request(*marshal.loads(data)), descriptors, connection)
        connection.close()
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)  # so that their time counts as this process's


def _begin(request: Request, descriptors: list[int], connection: socket.socket) -> NoReturn:
    """Be what was asked for. A worker's connection stays open until it ends."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not request.argv:
        connection.close()
        die_with_parent()
        serve_orders(descriptors[0])
        os._exit(0)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request.environ)
    os.chdir(request.folder)
    be_interpreter(request.argv, connection)


if __name__ == "__main__":
    main()
