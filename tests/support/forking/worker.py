"""Worker: stands where pytest-xdist starts a Python interpreter, and has one forked with its streams in its place.

`python -I -S worker.py SOCKET [arguments of an interpreter]`. It waits for the fork's end. It imports next to nothing, so that a
start costs nothing.
"""

import array
import json
import os
import socket
import sys


def main() -> None:
    """Ask, and wait. A killed one's fork finds its standard input closed, and ends."""
    path, *arguments = sys.argv[1:]
    request = {"argv": arguments, "environ": dict(os.environ), "folder": os.getcwd()}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(path)
        streams = array.array("i", [0, 1, 2])
        connection.sendmsg([json.dumps(request).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        connection.recv(1)


if __name__ == "__main__":
    main()
