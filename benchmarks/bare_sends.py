"""Bare sends: what one `socket.send` of a small frame to a reader on loopback costs, user and kernel, as a floor of all that fans out.

Run as `python -m benchmarks.bare_sends SOCKETS ROUNDS EVERY_MS`: it waits for so many connections and sends each a frame in each
round. Its readers are the process that runs the benchmarks, as with a server.
"""

import socket
import sys
import time

FRAME = b"\x81\x7e\x00\x8c" + b"." * 140
"""A websocket frame with an event of a few words."""


def main(sockets: int, rounds: int, every_s: float) -> None:
    """Print the address, then the CPU µs of a send."""
    with socket.create_server(("127.0.0.1", 0), backlog=sockets) as listening:
        print(f"listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        readers = [listening.accept()[0] for _ in range(sockets)]
    for reader in readers:
        reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    spent = 0.0
    for _ in range(rounds):
        began = time.process_time()
        for reader in readers:
            reader.send(FRAME)
        spent += time.process_time() - began
        time.sleep(every_s)
    print(f"a send takes {spent / rounds / sockets * 1e6:.3f} us", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1e3)
