"""Acceptor: takes new connections from the listening sockets, and starts those of different networks in turn.

The kernel's queue of new connections is one line: whoever opens a thousand at once is served before everybody who comes after. So
they are taken from there quickly, which costs little, and wait here by network. uvicorn would start them in the order in which they
came, with uvloop one in each step of the event loop, without it all of them in one step.
"""

import asyncio
import errno
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence

from agent.util.tasks import TaskOwner
from server.util.hosts import Network, trusted
from server.util.rate_limit import network_of

log = logging.getLogger("holdfast.server")

ACCEPTS_A_STEP = 64
"""Connections that are taken from the kernel in one step of the event loop: some 10 us each."""

STARTS_AT_ONCE = 8
"""Connections that start at the same time: some 100 us of work each, over two steps of the event loop."""

WAITING_MAX, WAITING_PER_NETWORK_MAX = 4_096, 2_048
"""Connections that may wait to start, in all and from one network that is no trusted proxy: twice what may be open without
credentials. They wait for a fifth of a second at most, and each is a descriptor."""

NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
RETRY_S = 1.0
"""How long the acceptor waits after the system had no room for a connection, as asyncio's servers do."""


def bounds(descriptors: int) -> tuple[int, int]:
    """Both of these, or less for a process that may open so few descriptors."""
    return min(WAITING_MAX, descriptors // 4), min(WAITING_PER_NETWORK_MAX, descriptors // 8)


class WaitingConnections:
    """Accepted connections that have not started, by network. `len()`: how many. Networks take turns, each with its oldest."""

    def __init__(self, most: int, most_of_a_network: int) -> None:
        self._most = most
        self._most_of_a_network = most_of_a_network
        self._networks: dict[str, deque[socket.socket]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, network: str, sock: socket.socket, *, shared: bool = False) -> None:
        """Add one. Where its network has as many as it may, it is closed; at the limit of all, the newest of the largest is.

        `shared`: the network is a trusted proxy's, which stands for many clients; the limit by network does not apply.
        """
        if not shared and len(self._networks.get(network, ())) >= self._most_of_a_network:
            sock.close()
            return
        if self._count >= self._most:
            self._networks[max(self._networks, key=lambda name: len(self._networks[name]))].pop().close()
            self._count -= 1
        self._networks.setdefault(network, deque()).append(sock)
        self._count += 1

    def next(self) -> socket.socket:
        """The next one to start; there must be one."""
        network = next(iter(self._networks))
        taken = self._take(network)
        if network in self._networks:
            self._networks[network] = self._networks.pop(network)  # behind the others
        return taken

    def _take(self, network: str) -> socket.socket:
        waiting = self._networks[network]
        taken = waiting.popleft()
        if not waiting:
            del self._networks[network]
        self._count -= 1
        return taken


class Acceptor:
    """Accepts on sockets that listen, and starts a protocol for each connection.

    For uvicorn it is one of its `servers`. `proxies`: networks of trusted proxies.
    """

    def __init__(
        self,
        make_protocol: Callable[[], asyncio.Protocol],
        waiting: WaitingConnections,
        proxies: Sequence[Network] = (),
        retry_s: float = RETRY_S,
    ) -> None:
        self._make_protocol = make_protocol
        self._waiting = waiting
        self._proxies = proxies
        self._tasks = TaskOwner("acceptor")
        self._retry_s = retry_s
        self._starting: set[socket.socket] = set()
        self._closed = False

    def start(self, listeners: list[socket.socket]) -> None:
        """Begin to accept."""
        for listener in listeners:
            listener.setblocking(False)
            self._tasks.start(self._accept_all(listener), "accept")

    def close(self) -> None:
        """Accept no more, and close what waits."""
        self._closed = True
        self._tasks.cancel()
        while self._waiting:
            self._waiting.next().close()

    async def wait_closed(self) -> None:
        """Wait until `close` is done."""
        await self._tasks.aclose()
        for sock in self._starting:
            sock.close()  # its task ended before it began

    async def _accept_all(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._add(*await loop.sock_accept(listener))
                for _ in range(ACCEPTS_A_STEP):
                    self._add(*listener.accept())
            except BlockingIOError:
                pass  # no more for now
            except OSError as error:  # of any other kind: that connection is gone already (accept(2), "Error handling")
                if error.errno in NO_ROOM:
                    log.error("no new connection can be accepted: %s; trying again", error.strerror)
                    await asyncio.sleep(self._retry_s)

    def _add(self, sock: socket.socket, address: tuple[str, int]) -> None:
        sock.setblocking(False)
        host = address[0]
        self._waiting.put(network_of(host), sock, shared=trusted(host, self._proxies))
        self._start_next()

    def _start_next(self) -> None:
        if self._waiting and not self._closed and len(self._starting) < STARTS_AT_ONCE:
            sock = self._waiting.next()
            self._starting.add(sock)
            self._tasks.start(self._start(sock), "start")

    async def _start(self, sock: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._make_protocol, sock)
        except OSError:
            sock.close()  # the client is gone already
        finally:
            self._starting.discard(sock)
            self._start_next()
