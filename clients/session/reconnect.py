"""Reconnecting: what a client does after each close code and HTTP refusal, and how long it waits. Pure."""

import enum
import random

import msgspec

from protocol import codes


class Action(enum.Enum):
    """What a client does after its socket ended."""

    STAY_AWAY = "stay_away"
    COME_BACK = "come_back"
    LOG_IN = "log_in"
    FORGET = "forget"


_BY_CLOSE_CODE = {
    codes.CLOSE_GOODBYE: Action.STAY_AWAY,
    codes.CLOSE_GOING_AWAY: Action.COME_BACK,
    codes.CLOSE_TOO_LARGE: Action.STAY_AWAY,
    codes.CLOSE_FAULT: Action.COME_BACK,
    codes.CLOSE_RESTART: Action.COME_BACK,
    codes.CLOSE_CREDENTIALS: Action.LOG_IN,
    codes.CLOSE_DELETED: Action.FORGET,
    codes.CLOSE_TOO_SLOW: Action.COME_BACK,
    codes.CLOSE_TOO_MANY: Action.STAY_AWAY,
    # RFC 6455 section 7.4.1 and the IANA registry: what the same bytes would bring about again.
    1002: Action.STAY_AWAY,
    1003: Action.STAY_AWAY,
    1007: Action.STAY_AWAY,
    1008: Action.STAY_AWAY,
    1010: Action.STAY_AWAY,
}

FIRST_PRIVATE_CODE = 4000


def after_close(code: int | None) -> Action:
    """What to do after this close code; None: the socket was cut without one.

    A private code this version does not know was made for a reason it cannot judge: it stays away.
    """
    if code is None:
        return Action.COME_BACK
    return _BY_CLOSE_CODE.get(code, Action.STAY_AWAY if code >= FIRST_PRIVATE_CODE else Action.COME_BACK)


def after_denial(status: int) -> Action:
    """What to do after the upgrade was refused with this HTTP status."""
    if status == 401:
        return Action.LOG_IN
    if status in (404, 410):
        return Action.FORGET
    return Action.COME_BACK if status == 429 or status >= 500 else Action.STAY_AWAY


class Backoff(msgspec.Struct, frozen=True):
    """Exponential backoff with full jitter: a random time between 0 and the step's bound, so that many clients spread out.

    Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Both in seconds.
    """

    base_s: float = 0.5
    cap_s: float = 30.0

    def delay(self, attempt: int, rng: random.Random) -> float:
        """Seconds to wait before attempt number `attempt`, counted from 0."""
        return rng.uniform(0.0, min(self.cap_s, self.base_s * 2.0 ** min(attempt, 32)))


DEFAULT_BACKOFF = Backoff()
