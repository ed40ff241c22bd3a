"""Interpreter: the command of a Python that has imported before, and what a fork does in the place of one.

For programs of tests whose imports are not what is tested: half a second of CPU for each `holdfast`, one for each MCP server that
is made with the library, five where LiteLLM is loaded. A program that is passed descriptors needs an interpreter of its own.
"""

import atexit
import contextlib
import fcntl
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
import types
from pathlib import Path
from typing import NoReturn

from tests.support.forking import requests

WORKER = Path(__file__).with_name("worker.py")
HOLDFAST = "import sys; from server.cli.main import main; sys.exit(main())"
BROKEN_PIPE = 120
"""The exit code of an interpreter that cannot write the rest of its output."""


def python() -> list[str]:
    """The command, to which come `-c PROGRAM` or `-m MODULE`, and arguments."""
    if requests.address is None:
        return [sys.executable]
    return [sys.executable, "-I", "-S", str(WORKER), str(requests.address)]


def holdfast() -> list[str]:
    """The command `holdfast`, to which come its arguments."""
    return [*python(), "-c", HOLDFAST]


def be_interpreter(argv: list[str], connection: socket.socket) -> NoReturn:
    """Run what the arguments say, and tell `worker.py` at the other end of the connection: the process's id, and in the end its exit code.

    A killed `worker.py` takes this process with it.
    """
    os.setpgid(0, 0)  # what a terminal sends to `worker.py` comes once, from there
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETSIG, signal.SIGKILL)
    connection.send(str(os.getpid()).encode())
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # they stay open, as those of an interpreter
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    code = _exit_code(argv)
    threading._shutdown()  # type: ignore[attr-defined]  # an interpreter waits for threads, too
    # What the first model call left open is the parent's, and would be reported as lost if all were taken apart here.
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:
                stream.flush()
    except OSError:
        code = BROKEN_PIPE
    connection.send(str(code).encode())
    os._exit(code)


def _exit_code(argv: list[str]) -> int:
    try:
        _run(argv)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _run(argv: list[str]) -> None:
    options = [number for number, word in enumerate(argv) if word in {"-c", "-m"}]
    kind, what, *arguments = argv[options[0] :]
    sys.argv = [kind, *arguments]
    with contextlib.suppress(ValueError):
        sys.path.remove("")
    sys.path.insert(0, "" if kind == "-c" else os.getcwd())
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(what, vars(main))
