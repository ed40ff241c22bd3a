"""Session settings: how many sessions there may be, how long they are kept, and what one user may have and spend."""

from typing import Annotated

from msgspec import Meta

from agent.session.settings import ConversationLimits
from agent.util.settings import SettingsGroup
from protocol.limits import Limits
from server.journal.base import StorageBounds

DEFAULTS = Limits()
"""The defaults that the protocol documents."""


class SessionSettings(ConversationLimits, frozen=True, kw_only=True):
    """How many sessions may be awake, how long they are kept, and how long a conversation may be."""

    awake_max: Annotated[int, Meta(ge=1, le=1_000_000, description="Sessions awake at once, in all.")] = (
        DEFAULTS.sessions_awake
    )
    awake_max_per_user: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Sessions awake at once, for one user.")
    ] = DEFAULTS.sessions_awake_per_user
    idle_sleep_s: Annotated[
        float, Meta(ge=0, le=86_400, description="How long a session without work stays awake. Its sockets stay.")
    ] = 60.0
    delete_after_days: Annotated[
        float,
        Meta(ge=0, le=36_500, description="Sessions not used for so long are deleted, but pinned ones; 0: none is."),
    ] = 0.0


class UserLimits(SettingsGroup, frozen=True, kw_only=True):
    """What one user may have and spend. Sessions awake at once are in `sessions`."""

    stored_sessions_max: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Sessions kept, awake and asleep; more: HTTP 429 `storage`.")
    ] = DEFAULTS.stored_sessions_per_user
    stored_bytes_max: Annotated[
        int,
        Meta(
            ge=1,
            le=2**50,
            description="Bytes of all sessions' events and files; more: HTTP 429 `storage`, `storage_full`.",
        ),
    ] = DEFAULTS.stored_bytes_per_user
    sockets_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Sockets open at once; more: HTTP 429 `too_many_sockets`.")
    ] = DEFAULTS.sockets_per_user
    submissions_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Submissions in the long run, as many at once; more: `too_many_submissions`.",
        ),
    ] = DEFAULTS.submissions_per_minute
    tokens_per_day: Annotated[
        int,
        Meta(ge=0, le=2**50, description="Tokens in and out in one UTC day; more: `budget_exhausted`; 0: no bound."),
    ] = DEFAULTS.tokens_per_day
    cost_usd_per_day: Annotated[
        float,
        Meta(ge=0, description="US dollars of model calls in one UTC day; more: `budget_exhausted`; 0: no bound."),
    ] = DEFAULTS.cost_usd_per_day

    def storage(self) -> StorageBounds:
        """The bounds, as the journal takes them."""
        return StorageBounds(self.stored_sessions_max, self.stored_bytes_max)
