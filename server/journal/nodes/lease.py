"""Node lease: how long a node may run sessions, and when it may declare another dead. Pure: times are the caller's.

All times are seconds of the local monotonic clock. The database's clock alone decides when a lease is over for others; a lease
ends here before that, as it counts from when the beat was sent, and less a margin.
"""

import msgspec

BEATS = 4
"""Beats within a lease."""

MARGIN = 0.15
"""The part of a lease by which a node ends its own work before others may take its sessions."""

STUCK_S = 10.0
"""A node whose event loop has not answered for so long beats no more: it runs nothing, and others should."""


class NodeLease(msgspec.Struct, frozen=True):
    """A node's lease, of `lease_s` seconds. `reached_at`: when a beat was last stored; `since`: from when on that has no gap."""

    lease_s: float
    good_until: float = 0.0
    reached_at: float = float("-inf")
    since: float = float("inf")

    @property
    def beat_s(self) -> float:
        """The time between two beats."""
        return self.lease_s / BEATS

    @property
    def kill_at(self) -> float:
        """When what still runs is to be killed, as the node did not stop it: before others may take its sessions."""
        return self.good_until + self.lease_s * MARGIN / 2

    def is_good(self, now: float) -> bool:
        """Whether the node may run sessions."""
        return now < self.good_until


def stored(lease: NodeLease, sent: float, now: float) -> NodeLease:
    """The lease after a beat that was sent at `sent` and is known to be stored."""
    gap = now - lease.reached_at > lease.lease_s
    good_until = max(lease.good_until, sent + lease.lease_s * (1 - MARGIN))
    return NodeLease(lease.lease_s, good_until, now, now if gap else lease.since)


def ended(lease: NodeLease) -> NodeLease:
    """The lease of a node that begins anew: it has none yet."""
    return NodeLease(lease.lease_s, 0.0, lease.reached_at, lease.since)


def may_declare(lease: NodeLease, now: float) -> bool:
    """Whether the node may declare others dead: it has reached the database for a whole lease. After an outage all have time to beat."""
    return now - lease.reached_at <= lease.lease_s <= now - lease.since


def may_beat(answered_at: float, now: float) -> bool:
    """Whether the node may beat: its event loop has answered not long ago."""
    return now - answered_at < STUCK_S
