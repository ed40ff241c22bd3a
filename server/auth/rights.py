"""The body's door: what a user may whom somebody else vouches for. Plain data."""

from server.auth.principal import Right
from server.config.auth import AuthSettings

EVERYBODY: frozenset[Right] = frozenset({"sessions"})
ADMIN: frozenset[Right] = frozenset({"sessions", "metrics", "admin"})


def rights_of(user_id: str, auth: AuthSettings) -> frozenset[Right] | None:
    """The rights of this user of `oauth` and `bearer`; None: does not come in."""
    if user_id in auth.admins:
        return ADMIN
    return EVERYBODY if not auth.allowed_users or user_id in auth.allowed_users else None
