"""Errors of sessions: why one cannot be made, woken or found."""

from typing import Literal


class SessionNotFound(Exception):
    """There is no such session, or it is not this user's: the same answer for both."""


class SessionCapacityError(Exception):
    """No session can be woken or made now. `error_type`: the limit is the server's (`global`) or the user's (`per_user`)."""

    def __init__(self, error_type: Literal["global", "per_user"], most: int) -> None:
        whose = "this server's" if error_type == "global" else "your"
        super().__init__(f"{whose} {most} sessions are all in use; close one, or try again later")
        self.error_type: Literal["global", "per_user"] = error_type


class GoingAway(Exception):
    """The server is stopping and takes no more work."""

    def __init__(self) -> None:
        super().__init__("the server is stopping; reconnect in a moment")
