"""Snapshots: the encoded snapshots that sockets are being sent, one for each position of a session, bounded and paced.

A snapshot may have many MiB and waits in memory until its client has read it. Sockets at the same position share one. What waits for
slow readers is bounded by account (a user, or the guests of a user) and over all, and so is the work of encoding: it is done in
slices, for one large snapshot at a time, and a session and an account get the next one only after a pause.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from protocol.view import View
from server.sessions.ports.port import Standing, standing
from server.sessions.quotas import USERS_MAX
from server.util.lru_map import LruMap
from server.util.rate_limit import KeyedRateLimiter
from server.websocket.snapshot_encoding import Work

ACCOUNT_BYTES_MAX = 67_108_864
"""Snapshots that wait to be read, by account: four of the largest. Another one waits until one of them is read or cut off."""

BYTES_MAX = 536_870_912
"""The same over all accounts: eight that use up their share. It holds for the memory of the process."""

RESERVED_BYTES = 16_777_216
"""What a snapshot counts until it is encoded: as much as the largest."""

SLICE_S = 0.001
"""How long encoding works until others get a turn."""

PAUSE_FACTOR = 20
"""A session encodes the next snapshot after this many times the time that the last one took."""

ACCOUNT_SHARE, ACCOUNT_BURST_S = 0.05, 0.5
"""The part of the event loop that an account's snapshots take in the long run, and the seconds at once. A user's ten sessions of
the largest kind come back in one go after the network was lost."""

KEPT_BYTES_MAX = 262_144
"""A snapshot of at most this size is kept, once it has been read, until its session may encode the next one: it may have taken long
to make, of large messages that it leaves out, and sockets that come one after another would each wait for their own."""

KEPT_PAUSE_S = 0.01
"""It is not kept for a shorter pause than this."""

SESSIONS_MAX = 4_096
"""Sessions whose pause is remembered, the longest unused forgotten first: some 200 bytes each."""


class EncodedSnapshot(msgspec.Struct):
    """One encoded snapshot and what follows it. `seq`: its position. `account`: whose socket was the first to be sent it.

    `standing`: what the session is in it. `readers`: how many are sent it. `kept`: for a while, though nobody may be.
    """

    seq: int
    frames: list[bytes]
    account: str
    standing: Standing
    readers: int = 0
    kept: bool = False

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(map(len, self.frames))


class _Session(msgspec.Struct):
    """What is known of one session and encoding. `pause_until`: when the next may be encoded (monotonic)."""

    newest: EncodedSnapshot | None = None
    encoding: bool = False
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
        self._work = KeyedRateLimiter(ACCOUNT_SHARE, ACCOUNT_BURST_S, USERS_MAX)
        self._turn = asyncio.Lock()
        self._bytes: Counter[str] = Counter()
        self._all_bytes = 0
        self._released = asyncio.Event()

    def bytes_of(self, account: str) -> int:
        """Bytes of snapshots that this account's sockets are being sent; what several share counts once, for the first."""
        return self._bytes[account]

    def delay_s(self, key: str, account: str, head: int) -> float | None:
        """Seconds to wait before a socket may take the snapshot at `head`; 0 now; None: until another socket has got or released one."""
        session = self._sessions.get(key)
        if session is not None and session.newest is not None and session.newest.seq == head:
            return 0.0
        if self._bytes[account] >= self._account_max or self._all_bytes >= self._max:
            return None
        if session is not None and session.encoding:
            return None
        now = self._clock()
        return max(self._work.spend(account, 0.0, now), session.pause_until - now if session is not None else 0.0)

    async def wait(self, delay_s: float | None) -> None:
        """Wait as `delay_s` says."""
        if delay_s is None:
            await self._released.wait()
        else:
            await asyncio.sleep(delay_s)

    @asynccontextmanager
    async def share(
        self, key: str, account: str, head: int, load: Callable[[], Awaitable[View]], encode: Callable[[View], Work]
    ) -> AsyncIterator[EncodedSnapshot]:
        """The snapshot of the session `key` at `head`, for one socket, until it has been read; only if `delay_s` is 0.

        If there is none, `load` gives the view, at `head` or at a later event, and `encode` encodes it: the first piece at once,
        before this waits for anything.
        """
        session = self._sessions[key] = self._sessions.get(key) or _Session()
        snapshot = session.newest
        if snapshot is None or snapshot.seq != head:
            snapshot = session.newest = await self._make(session, account, load, encode)
            self._count(account, snapshot.size)
        snapshot.readers += 1
        try:
            yield snapshot
        finally:
            snapshot.readers -= 1
            self._leave(session, snapshot)

    async def _make(
        self, session: _Session, account: str, load: Callable[[], Awaitable[View]], encode: Callable[[View], Work]
    ) -> EncodedSnapshot:
        """Load the view and encode it. What is larger than a slice waits for its turn."""
        spent = 0.0
        session.encoding = True
        self._count(account, RESERVED_BYTES)
        try:
            view = await load()
            seq, now, work = view.seq, standing(view), encode(view)
            frames, spent = self._slice(work)
            if frames is None:
                async with self._turn:
                    while frames is None:
                        await asyncio.sleep(0)
                        frames, took = self._slice(work)
                        spent += took
            return EncodedSnapshot(seq, frames, account, now)
        finally:
            session.encoding = False
            session.pause_until = self._clock() + PAUSE_FACTOR * spent
            self._work.spend(account, spent, self._clock())
            self._count(account, -RESERVED_BYTES)
            self._wake()

    def _slice(self, work: Work) -> tuple[list[bytes] | None, float]:
        """Work for a slice of time: the frames if it has come to its end, and the seconds that it took."""
        began = self._clock()
        try:
            while self._clock() - began < SLICE_S:
                next(work)
        except StopIteration as end:
            return end.value, self._clock() - began
        return None, self._clock() - began

    def _leave(self, session: _Session, snapshot: EncodedSnapshot) -> None:
        """One reads it less: keep it for a while, or forget it."""
        if snapshot.readers or snapshot.kept:
            return
        pause_s = session.pause_until - self._clock()
        if session.newest is snapshot and snapshot.size <= KEPT_BYTES_MAX and pause_s >= KEPT_PAUSE_S:
            snapshot.kept = True
            asyncio.get_running_loop().call_later(pause_s, self._release, session, snapshot)
        else:
            self._forget(session, snapshot)

    def _release(self, session: _Session, snapshot: EncodedSnapshot) -> None:
        """It was kept long enough."""
        snapshot.kept = False
        if not snapshot.readers:
            self._forget(session, snapshot)

    def _forget(self, session: _Session, snapshot: EncodedSnapshot) -> None:
        """Nobody reads it any more."""
        if session.newest is snapshot:
            session.newest = None
        self._count(snapshot.account, -snapshot.size)
        self._wake()

    def _count(self, account: str, size: int) -> None:
        self._all_bytes += size
        self._bytes[account] += size
        if self._bytes[account] <= 0:
            del self._bytes[account]

    def _wake(self) -> None:
        self._released.set()
        self._released = asyncio.Event()
