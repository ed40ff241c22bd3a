"""Snapshots: the encoded snapshots that sockets are being sent, one for each position of a session, bounded and paced.

A snapshot may have many MiB and waits in memory until its client has read it. Sockets at the same position share one. A session
encodes the next one only after a pause, and what waits for slow readers is bounded by account (a user, or the guests of a user) and over all.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from server.util.lru_map import LruMap

ACCOUNT_BYTES_MAX = 67_108_864
"""Snapshots that wait to be read, by account: four of the largest. Another one waits until one of them is read or cut off."""

BYTES_MAX = 536_870_912
"""The same over all accounts: eight that use up their share. It holds for the memory of the process."""

PAUSE_FACTOR = 20
"""A session encodes the next snapshot after this many times the time that the last one took: 5 % of the event loop at most."""

SESSIONS_MAX = 4_096
"""Sessions whose pause is remembered, the longest unused forgotten first: some 200 bytes each."""


@dataclass(slots=True)
class EncodedSnapshot:
    """One encoded snapshot. `seq`: its position. `account`: whose socket was the first to be sent it. `readers`: how many are."""

    seq: int
    data: bytes
    account: str = ""
    readers: int = 0


@dataclass(slots=True)
class _Session:
    """What is known of one session and encoding. `pause_until`: when the next may be encoded (monotonic)."""

    newest: EncodedSnapshot | None = None
    pause_until: float = 0.0


class SnapshotPool:
    """The snapshots of all sessions. `bytes_of(account)`: how many bytes wait for this account's readers."""

    def __init__(
        self,
        account_bytes_max: int = ACCOUNT_BYTES_MAX,
        bytes_max: int = BYTES_MAX,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._account_max = account_bytes_max
        self._max = bytes_max
        self._clock = clock
        self._sessions: LruMap[str, _Session] = LruMap(SESSIONS_MAX)
        self._bytes: Counter[str] = Counter()
        self._all_bytes = 0
        self._released = asyncio.Event()

    def bytes_of(self, account: str) -> int:
        """Bytes of snapshots that this account's sockets are being sent; what several share counts once, for the first."""
        return self._bytes[account]

    def delay_s(self, key: str, account: str, head: int) -> float | None:
        """Seconds to wait before a socket may take the snapshot at `head`; 0 now; None: until another socket releases one."""
        session = self._sessions.get(key)
        if session is not None and session.newest is not None and session.newest.seq == head:
            return 0.0
        if self._bytes[account] >= self._account_max or self._all_bytes >= self._max:
            return None
        return max(0.0, session.pause_until - self._clock()) if session is not None else 0.0

    async def wait(self, delay_s: float | None) -> None:
        """Wait as `delay_s` says."""
        if delay_s is None:
            await self._released.wait()
        else:
            await asyncio.sleep(delay_s)

    @contextmanager
    def share(self, key: str, account: str, head: int, encode: Callable[[], bytes]) -> Iterator[EncodedSnapshot]:
        """The snapshot of the session `key` at `head`, for one socket, until it has been read. `encode` makes it if there is none."""
        session = self._sessions[key] = self._sessions.get(key) or _Session()
        snapshot = session.newest
        if snapshot is None or snapshot.seq != head:
            began = self._clock()
            snapshot = session.newest = EncodedSnapshot(head, encode())
            session.pause_until = self._clock() + PAUSE_FACTOR * (self._clock() - began)
        if not snapshot.readers:
            snapshot.account = account
            self._bytes[account] += len(snapshot.data)
            self._all_bytes += len(snapshot.data)
        snapshot.readers += 1
        try:
            yield snapshot
        finally:
            snapshot.readers -= 1
            if not snapshot.readers:
                self._release(session, snapshot)

    def _release(self, session: _Session, snapshot: EncodedSnapshot) -> None:
        """Nobody reads it any more."""
        account = snapshot.account
        if session.newest is snapshot:
            session.newest = None
        self._all_bytes -= len(snapshot.data)
        self._bytes[account] -= len(snapshot.data)
        if self._bytes[account] <= 0:
            del self._bytes[account]
        self._released.set()
        self._released = asyncio.Event()
