"""Starting: what the process does that starts the workers: rewrites the test modules, and has the workers forked."""

import contextlib
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 30.0


@contextlib.contextmanager
def forking(workers: int) -> Iterator[list[str]]:
    """A process that forks so many workers; what pytest-xdist takes for each of them (`--tx`)."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.bind(str(folder / "forks"))
        listener.listen(2 * workers)
        ours, theirs = socket.socketpair()
        with theirs:
            numbers = [listener.fileno(), theirs.fileno()]
            command = [sys.executable, "-m", "tests.support.forking.process", *map(str, numbers)]
            process = subprocess.Popen(command, cwd=ROOT, pass_fds=numbers, stdin=subprocess.DEVNULL)
        stack.callback(process.wait, PATIENCE_S)
        stack.enter_context(ours)
        listener.close()  # where it cannot start, workers are refused and do not wait
        python = [sys.executable, "-I", "-S", str(ROOT / "tests/support/forking/worker.py"), str(folder / "forks")]
        yield workers * [f"popen//python={shlex.join(python)}"]


def rewrite_all(config: pytest.Config, files: Iterable[Path]) -> None:
    """Write pytest's form of these test modules beside them, where it is not there.

    pytest rewrites the `assert` statements of a module when it imports it and has no older result. In a fresh checkout
    every worker would do so at the same time, which takes each of them ten seconds of CPU.
    """
    state = config.stash[rewrite.assertstate_key]
    for path in files:
        folder = rewrite.get_cache_dir(path)
        kept = folder / (path.stem + rewrite.PYC_TAIL)
        if rewrite.try_makedirs(folder) and rewrite._read_pyc(path, kept) is None:
            source_hash, code = rewrite._rewrite_test(path, config)
            rewrite._write_pyc(state, code, source_hash, kept)
