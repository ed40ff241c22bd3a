"""Own server: finds the server that a user runs for themselves on this machine, or starts it. It outlives who started it."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from protocol.runtime_file import LOG, ServerPlace, read_runtime_file, user_data_folder

LOG_BYTES_MAX: Final = 1_048_576
LOG_SHOWN_BYTES: Final = 2_000
LOOK_S: Final = 0.05
START_S: Final = 30.0
"""A server is up after two seconds; after an update its first start compiles all modules."""

_started: list["subprocess.Popen[bytes]"] = []
"""Kept, so that a server that still runs is not reported as lost when this process ends."""


class CannotStart(Exception):
    """The server did not start. The message says why, and where its log is."""


async def find_or_start(environ: Mapping[str, str] = os.environ, *, start_s: float = START_S) -> ServerPlace:
    """The user's own server, which is started if none runs. However many ask at once, one starts. Raises `CannotStart`.

    `start_s`: seconds after which a server that is not up counts as failed. Its token is in the file `token_file`.
    """
    folder = user_data_folder(environ)
    process: subprocess.Popen[bytes] | None = None
    until = time.monotonic() + start_s
    while (place := read_runtime_file(folder)) is None:
        if process is None:
            process = _start(folder, environ)
        elif process.poll():
            raise CannotStart(f"the server did not start: {_end_of_log(folder)}")
        if time.monotonic() > until:
            raise CannotStart(f"the server did not come up in {start_s:g} s; its log is {folder / LOG}")
        await asyncio.sleep(LOOK_S)
    return place


def find(environ: Mapping[str, str] = os.environ) -> ServerPlace | None:
    """The user's own server; None if it does not run."""
    return read_runtime_file(user_data_folder(environ))


def _start(folder: Path, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start `holdfast serve --own` in a session of processes of its own. One too many ends by itself, with exit code 0."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(fd).st_size > LOG_BYTES_MAX:
                os.ftruncate(fd, 0)
            # -P: what lies in the current folder is not imported.
            command = [sys.executable, "-P", "-m", "server", "--own", "--log-level", "warning"]
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=fd,
                stderr=fd,
                start_new_session=True,
            )
        finally:
            os.close(fd)
    except OSError as error:
        raise CannotStart(f"the server cannot be started: {error}") from error
    _started.append(process)
    return process


def _end_of_log(folder: Path) -> str:
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_SHOWN_BYTES))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError as error:
        lines = [str(error)]
    return f"{lines[-1] if lines else 'it wrote nothing'} (log: {folder / LOG})"
