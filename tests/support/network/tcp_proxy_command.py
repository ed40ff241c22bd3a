"""TCP proxy as a process, driven by lines on stdin: for trials by hand and for clients that are processes themselves.

`python -m tests.support.network.tcp_proxy --to 127.0.0.1:7860 --port 8200` prints `listening on 127.0.0.1:8200`; then each line
on stdin is an order, answered by `ok`, by the number of links, or by what is wrong with it. It goes on when stdin ends,
until `quit` or a signal.
"""

import argparse
import asyncio
import sys
import threading

from tests.support.network.tcp_link import BOTH, Direction
from tests.support.network.tcp_proxy import TcpProxy

ORDERS = """\
cut                     every link, with RST
close                   every link, with FIN
refuse | accept         new connections
blackhole | flow        forward nothing; go on
delay S [up|down]       seconds; both directions unless one is named
rate B|none [up|down]   bytes a second
cut-after N [up|down]   cut the link that carries the Nth byte from now (down unless up is named)
links                   how many there are
quit"""


async def obey(proxy: TcpProxy, line: str) -> str:
    """Carry out one order. Raises ValueError for one that is none."""
    match line.split():
        case ["cut"]:
            await proxy.cut()
        case ["close"]:
            await proxy.cut(hard=False)
        case ["refuse"]:
            await proxy.refuse()
        case ["accept"]:
            await proxy.accept()
        case ["blackhole"]:
            proxy.blackhole()
        case ["flow"]:
            proxy.flow()
        case ["delay", seconds, *way]:
            proxy.delay(float(seconds), _direction(way))
        case ["rate", "none", *way]:
            proxy.limit_rate(None, _direction(way))
        case ["rate", rate, *way]:
            proxy.limit_rate(float(rate), _direction(way))
        case ["cut-after", count, *way]:
            proxy.cut_after(int(count), _direction(way) or "down")
        case ["links"]:
            return str(len(proxy.links))
        case _:
            raise ValueError(f"no such order; there are:\n{ORDERS}")
    return "ok"


async def serve(host: str, to_port: int, port: int) -> None:
    """Forward and obey until `quit`."""
    loop = asyncio.get_running_loop()
    orders: asyncio.Queue[str] = asyncio.Queue(64)

    def read() -> None:
        for line in sys.stdin:
            asyncio.run_coroutine_threadsafe(orders.put(line.strip()), loop).result()

    async with TcpProxy(host, to_port, port=port) as proxy:
        print(f"listening on 127.0.0.1:{proxy.port}", flush=True)
        threading.Thread(target=read, name="stdin", daemon=True).start()
        while (order := await orders.get()) != "quit":
            if order:
                try:
                    print(await obey(proxy, order), flush=True)
                except ValueError as error:
                    print(f"error: {error}", flush=True)


def _direction(words: list[str]) -> Direction | None:
    if not words:
        return None
    for direction in BOTH:
        if words == [direction]:
            return direction
    raise ValueError(f"a direction is up or down, not {' '.join(words)!r}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.network.tcp_proxy",
        description="A TCP proxy that cuts, refuses, goes silent, delays and narrows at will.",
        epilog=f"orders on stdin:\n{ORDERS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="where to forward to")
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on, on 127.0.0.1; 0: any free one (default)"
    )
    options = parser.parse_args()
    host, _, to_port = options.to.rpartition(":")
    if not host or not to_port.isdecimal():
        parser.error("--to: write HOST:PORT")
    try:
        asyncio.run(serve(host, int(to_port), options.port))
    except KeyboardInterrupt:
        sys.exit(130)
