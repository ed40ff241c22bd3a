"""Snapshots: one encoding for each position, shared by the sockets that are sent it, bounded and paced."""

import asyncio
from collections.abc import Callable

from agent.util.tasks import TaskOwner
from server.websocket.snapshots import PAUSE_FACTOR, SnapshotPool


class Clock:
    """A clock that is set by hand; seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def taking(self, seconds: float, data: bytes) -> Callable[[], bytes]:
        """An encoding that takes so long."""

        def encode() -> bytes:
            self.now += seconds
            return bytes(bytearray(data))

        return encode


def test_sockets_at_the_same_position_share_one_encoding() -> None:
    pool, clock = SnapshotPool(), Clock()
    with (
        pool.share("s", "anna", 7, clock.taking(0, b"snapshot")) as one,
        pool.share("s", "anna guests", 7, clock.taking(0, b"snapshot")) as other,
    ):
        assert one.data is other.data
        assert pool.bytes_of("anna") == 8
        assert pool.bytes_of("anna guests") == 0
    assert pool.bytes_of("anna") == 0


def test_a_snapshot_lasts_as_long_as_a_socket_is_sent_it() -> None:
    pool, clock = SnapshotPool(), Clock()
    with pool.share("s", "anna", 7, clock.taking(0, b"seven")), pool.share("s", "anna", 8, clock.taking(0, b"eight")):
        assert pool.bytes_of("anna") == 10
    assert pool.bytes_of("anna") == 0
    with pool.share("s", "anna", 8, clock.taking(0, b"anew")) as anew:
        assert anew.data == b"anew"


def test_the_next_encoding_of_a_session_waits_many_times_as_long_as_the_last_took() -> None:
    clock = Clock()
    pool = SnapshotPool(clock=clock)
    with pool.share("s", "anna", 7, clock.taking(0.5, b"x")):
        assert pool.delay_s("s", "anna", 7) == 0
        assert pool.delay_s("s", "anna", 8) == 0.5 * PAUSE_FACTOR
        assert pool.delay_s("other", "anna", 8) == 0
    assert pool.delay_s("s", "anna", 7) == 0.5 * PAUSE_FACTOR
    clock.now += 0.5 * PAUSE_FACTOR
    assert pool.delay_s("s", "anna", 8) == 0


async def test_an_account_whose_snapshots_are_not_read_waits_and_others_do_not() -> None:
    pool, clock, tasks = SnapshotPool(account_bytes_max=10), Clock(), TaskOwner("test")
    with pool.share("s", "anna", 7, clock.taking(0, b"0123456789")):
        assert pool.delay_s("t", "anna", 7) is None
        assert pool.delay_s("s", "anna", 7) == 0
        assert pool.delay_s("t", "ben", 7) == 0
        waiting = tasks.start(pool.wait(None), "wait")
        await asyncio.sleep(0)
    await waiting
    assert pool.delay_s("t", "anna", 7) == 0


def test_all_accounts_together_have_a_bound() -> None:
    pool, clock = SnapshotPool(bytes_max=15), Clock()
    with pool.share("s", "anna", 7, clock.taking(0, b"0123456789")):
        assert pool.delay_s("t", "ben", 7) == 0
        with pool.share("t", "ben", 7, clock.taking(0, b"0123456789")):
            assert pool.delay_s("u", "carl", 7) is None
    assert pool.delay_s("u", "carl", 7) == 0
