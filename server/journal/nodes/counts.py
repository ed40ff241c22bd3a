"""Node counts: what happened at this node since its start, for metrics. Each is written in one thread alone."""

from collections.abc import Callable

import msgspec


def _unobserved(seconds: float) -> None:
    """Nobody watches it."""


class NodeCounts(msgspec.Struct):
    """`takeovers`: sessions with work or submissions that waited, taken here because no living node owned them. `fenced`: sessions
    stopped here because the lease was over, or another node had declared this one dead. `declared_dead`: nodes that this one declared
    dead. `reconnects`: of the connection that writes. `notify_missed`: sessions of which more was found stored than had been told.

    `feed_lag`, `inbox_wait`: called in the event loop with seconds: from when more of a session elsewhere was known to be stored until
    followers had it; from when a submission was forwarded until it was answered.
    """

    takeovers: int = 0
    fenced: int = 0
    declared_dead: int = 0
    reconnects: int = 0
    notify_missed: int = 0
    feed_lag: Callable[[float], None] = _unobserved
    inbox_wait: Callable[[float], None] = _unobserved
