"""Snapshots: one encoding for each position, shared by the sockets that are sent it, bounded and paced."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from agent.util.tasks import TaskOwner
from protocol.view import View
from server.websocket.snapshot_encoding import Work
from server.websocket.snapshots import (
    ACCOUNT_BURST_S,
    ACCOUNT_SHARE,
    KEPT_BYTES_MAX,
    PAUSE_FACTOR,
    RESERVED_BYTES,
    SLICE_S,
    EncodedSnapshot,
    SnapshotPool,
)


class Clock:
    """A clock that is set by hand; seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def taking(self, seconds: float, data: bytes, pieces: int = 1) -> Callable[[View], Work]:
        """An encoding that takes so long, in so many pieces."""

        def encode(view: View) -> Work:
            for _ in range(pieces):
                self.now += seconds / pieces
                yield
            return [bytes(bytearray(data))]

        return encode


def at(seq: int) -> Callable[[], Awaitable[View]]:
    """A view at this position, without waiting."""

    async def load() -> View:
        return View(seq=seq)

    return load


@asynccontextmanager
async def share(
    pool: SnapshotPool, key: str, account: str, head: int, encode: Callable[[View], Work]
) -> AsyncIterator[EncodedSnapshot]:
    async with pool.share(key, account, head, at(head), encode) as snapshot:
        yield snapshot


async def test_sockets_at_the_same_position_share_one_encoding() -> None:
    pool, clock = SnapshotPool(), Clock()
    async with (
        share(pool, "s", "anna", 7, clock.taking(0, b"snapshot")) as one,
        share(pool, "s", "anna guests", 7, clock.taking(0, b"snapshot")) as other,
    ):
        assert one.frames is other.frames
        assert pool.bytes_of("anna") == 8
        assert pool.bytes_of("anna guests") == 0
    assert pool.bytes_of("anna") == 0


async def test_a_snapshot_lasts_as_long_as_a_socket_is_sent_it() -> None:
    pool, clock = SnapshotPool(), Clock()
    async with (
        share(pool, "s", "anna", 7, clock.taking(0, b"seven")),
        share(pool, "s", "anna", 8, clock.taking(0, b"eight")),
    ):
        assert pool.bytes_of("anna") == 10
    assert pool.bytes_of("anna") == 0
    async with share(pool, "s", "anna", 8, clock.taking(0, b"anew")) as anew:
        assert anew.frames == [b"anew"]


async def test_the_next_encoding_of_a_session_waits_many_times_as_long_as_the_last_took() -> None:
    clock = Clock()
    pool = SnapshotPool(clock=clock)
    async with share(pool, "s", "anna", 7, clock.taking(0.1, b"x")):
        assert pool.delay_s("s", "anna", 7) == 0
        assert pool.delay_s("s", "anna", 8) == pytest.approx(0.1 * PAUSE_FACTOR)
        assert pool.delay_s("other", "anna", 8) == 0
    assert pool.delay_s("s", "anna", 9) == pytest.approx(0.1 * PAUSE_FACTOR)
    clock.now += 0.1 * PAUSE_FACTOR
    assert pool.delay_s("s", "anna", 8) == 0


async def test_a_small_snapshot_that_was_read_is_there_for_who_comes_in_the_pause_and_no_longer() -> None:
    clock = Clock()
    pool = SnapshotPool(clock=clock)
    async with share(pool, "s", "anna", 7, clock.taking(0.001, b"first")):
        pass
    for _ in range(2):
        assert pool.delay_s("s", "anna", 7) == 0
        async with share(pool, "s", "anna", 7, clock.taking(0, b"another")) as kept:
            assert kept.frames == [b"first"]
    assert pool.bytes_of("anna") == 5
    await pool.wait(None)
    assert pool.bytes_of("anna") == 0
    clock.now += 1
    async with share(pool, "s", "anna", 7, clock.taking(0, b"another")) as made:
        assert made.frames == [b"another"]


async def test_a_large_snapshot_that_was_read_is_not_kept() -> None:
    clock = Clock()
    pool = SnapshotPool(clock=clock)
    async with share(pool, "s", "anna", 7, clock.taking(0.1, bytes(KEPT_BYTES_MAX + 1))):
        pass
    assert pool.bytes_of("anna") == 0
    assert pool.delay_s("s", "anna", 7) == pytest.approx(0.1 * PAUSE_FACTOR)


async def test_all_sessions_of_an_account_get_a_part_of_the_loop_together() -> None:
    clock = Clock()
    pool = SnapshotPool(clock=clock)
    async with share(pool, "s", "anna", 7, clock.taking(ACCOUNT_BURST_S + 1, b"x")):
        assert pool.delay_s("other", "anna", 7) == pytest.approx(1 / ACCOUNT_SHARE)
        assert pool.delay_s("other", "ben", 7) == 0


async def test_a_large_encoding_lets_others_run_between_its_slices_and_is_the_only_one() -> None:
    clock, tasks, order = Clock(), TaskOwner("test"), list[str]()
    pool = SnapshotPool(clock=clock)

    async def one(session: str, seconds: float) -> None:
        async with share(pool, session, session, 7, clock.taking(seconds, b"x", pieces=10)):
            order.append(session)

    large = [tasks.start(one(session, 10 * SLICE_S), session) for session in ("first", "second")]
    small = tasks.start(one("small", 0), "small")
    await asyncio.gather(*large, small)
    assert order == ["small", "first", "second"]


async def test_other_sockets_of_a_session_wait_while_its_snapshot_is_encoded() -> None:
    clock, tasks, read = Clock(), TaskOwner("test"), asyncio.Event()
    pool = SnapshotPool(clock=clock)

    async def one() -> None:
        async with share(pool, "s", "anna", 7, clock.taking(10 * SLICE_S, b"x", pieces=10)):
            await read.wait()

    encoding = tasks.start(one(), "one")
    await asyncio.sleep(0)
    assert pool.delay_s("s", "anna", 7) is None
    await pool.wait(None)
    assert pool.delay_s("s", "anna", 7) == 0
    read.set()
    await encoding


async def test_an_encoding_whose_socket_is_gone_counts_and_keeps_nothing() -> None:
    clock, tasks = Clock(), TaskOwner("test")
    pool = SnapshotPool(clock=clock)

    async def one() -> None:
        async with share(pool, "s", "anna", 7, clock.taking(10 * SLICE_S, b"x", pieces=10)):
            pass

    tasks.start(one(), "one")
    await asyncio.sleep(0)
    await tasks.aclose()
    assert pool.bytes_of("anna") == 0
    assert (pool.delay_s("s", "anna", 7) or 0) > 0


async def test_an_account_whose_snapshots_are_not_read_waits_and_others_do_not() -> None:
    pool, clock, tasks = SnapshotPool(account_bytes_max=10), Clock(), TaskOwner("test")
    async with share(pool, "s", "anna", 7, clock.taking(0, b"0123456789")):
        assert pool.delay_s("t", "anna", 7) is None
        assert pool.delay_s("s", "anna", 7) == 0
        assert pool.delay_s("t", "ben", 7) == 0
        waiting = tasks.start(pool.wait(None), "wait")
        await asyncio.sleep(0)
    await waiting
    assert pool.delay_s("t", "anna", 7) == 0


async def test_all_accounts_together_have_a_bound() -> None:
    pool, clock = SnapshotPool(bytes_max=15), Clock()
    async with share(pool, "s", "anna", 7, clock.taking(0, b"0123456789")):
        assert pool.delay_s("t", "ben", 7) == 0
        async with share(pool, "t", "ben", 7, clock.taking(0, b"0123456789")):
            assert pool.delay_s("u", "carl", 7) is None
    assert pool.delay_s("u", "carl", 7) == 0


async def test_a_view_that_is_loaded_may_be_of_a_later_event_and_is_asked_for_within_the_bound() -> None:
    pool, clock, tasks, ready = SnapshotPool(), Clock(), TaskOwner("test"), asyncio.Event()

    async def load() -> View:
        assert pool.bytes_of("anna") == RESERVED_BYTES
        await ready.wait()
        return View(seq=9, model="m")

    async def one() -> int:
        async with pool.share("s", "anna", 7, load, clock.taking(0, b"x")) as snapshot:
            assert snapshot.standing.model == "m"
            return snapshot.seq

    loading = tasks.start(one(), "one")
    await asyncio.sleep(0)
    assert pool.delay_s("s", "anna", 7) is None
    ready.set()
    assert await loading == 9
    assert pool.bytes_of("anna") == 0


async def test_a_view_that_cannot_be_loaded_keeps_nothing() -> None:
    pool, clock = SnapshotPool(), Clock()

    async def load() -> View:
        raise OSError

    with pytest.raises(OSError):
        async with pool.share("s", "anna", 7, load, clock.taking(0, b"x")):
            pytest.fail("it was loaded")
    assert pool.bytes_of("anna") == 0
    async with share(pool, "s", "anna", 7, clock.taking(0, b"x")) as again:
        assert again.seq == 7
