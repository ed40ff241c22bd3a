"""Worker: stands where pytest-xdist or a test starts a Python interpreter, and has one forked with its streams in its place.

`python -I -S worker.py SOCKET [arguments of an interpreter]`. It waits for the fork's end, and ends as that did. It imports next to
nothing, so that a start costs nothing.
"""

import array
import json
import os
import signal
import socket
import sys
from types import FrameType

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NUMBER_BYTES_MAX = 16


def main() -> None:
    """Ask, wait, and end as the fork did. What is sent to this process gets there, and it does not outlive this process."""
    path, *arguments = sys.argv[1:]
    request = {"argv": arguments, "environ": dict(os.environ), "folder": os.getcwd()}
    ending = signal.SIGKILL
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(path)
        streams = array.array("i", [0, 1, 2])
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        connection.sendmsg([json.dumps(request).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        process_id = int(connection.recv(NUMBER_BYTES_MAX) or 0)

        def forward(number: int, frame: FrameType | None) -> None:
            nonlocal ending
            ending = signal.Signals(number)
            os.kill(process_id, number)

        for number in FORWARDED if process_id else ():
            signal.signal(number, forward)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        code = connection.recv(NUMBER_BYTES_MAX)
    if code:
        os._exit(int(code))
    signal.signal(ending, signal.SIG_DFL) if ending != signal.SIGKILL else None
    os.kill(os.getpid(), ending)


if __name__ == "__main__":
    main()
