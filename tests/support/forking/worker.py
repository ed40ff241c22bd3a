"""Worker: stands where pytest-xdist or a test starts a Python interpreter, and has one forked with its streams in its place.

`python -I -S worker.py SOCKET [arguments of an interpreter]`. It waits for the fork's end, and ends as that did. It imports next to
nothing, so that a start costs nothing: `json`, `signal` and `socket` alone would double its time.
"""

import _signal as signal  # type: ignore[import-not-found]  # it has no types
import _socket
import marshal
import os
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NUMBER_BYTES_MAX = 16
INT_BYTES = 4


def main() -> None:
    """Ask, wait, and end as the fork did. What is sent to this process gets there, and it does not outlive this process."""
    path, *arguments = sys.argv[1:]
    request = marshal.dumps((arguments, dict(os.environ), os.getcwd()))
    ending = signal.SIGKILL
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    connection.connect(path)
    streams = b"".join(number.to_bytes(INT_BYTES, sys.byteorder) for number in range(3))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    connection.sendmsg([request], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    process_id = int(connection.recv(NUMBER_BYTES_MAX) or 0)

    def forward(number: int, frame: object) -> None:
        nonlocal ending
        ending = number
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
