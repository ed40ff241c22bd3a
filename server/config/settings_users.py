"""The body's knobs for what one user may take of the server."""

from typing import Annotated

from msgspec import Meta

from server.journal.base import StorageBounds
from server.util.settings import Group


class UserLimits(Group, frozen=True, kw_only=True):
    """What one user may have and spend. Sessions awake at once are in `sessions`."""

    stored_sessions_max: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Sessions kept, awake and asleep; more: HTTP 429 `storage`.")
    ] = 1_000
    stored_bytes_max: Annotated[
        int,
        Meta(ge=1, le=2**50, description="Bytes of all sessions' events; more: HTTP 429 `storage`, `storage_full`."),
    ] = 2**30
    sockets_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Sockets open at once; more: HTTP 429 `too_many_sockets`.")
    ] = 100
    submissions_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Submissions in the long run, as many at once; more: `too_many_submissions`.",
        ),
    ] = 120
    tokens_per_day: Annotated[
        int,
        Meta(ge=0, le=2**50, description="Tokens in and out in one UTC day; more: `budget_exhausted`; 0: no bound."),
    ] = 0
    cost_usd_per_day: Annotated[
        float,
        Meta(ge=0, description="US dollars of model calls in one UTC day; more: `budget_exhausted`; 0: no bound."),
    ] = 0.0
    watched_max: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Users whose spending and pace are kept in memory.")
    ] = 10_000

    def storage(self) -> StorageBounds:
        """The bounds, as the journal takes them."""
        return StorageBounds(self.stored_sessions_max, self.stored_bytes_max)
