"""Socket admission: whether one more client may follow a session, and what it may hand in. For sockets, and for streams over HTTP."""

import asyncio
from weakref import WeakValueDictionary

from protocol import codes
from protocol.codes import CloseReason
from protocol.content import AccessLevel
from protocol.limits import Limits
from server.auth.principal import Principal
from server.sessions.ports.port import SessionPort
from server.sessions.quotas import USERS_MAX
from server.util.rate_limit import KeyedRateLimiter
from server.util.refusal import HTTPRefusal, RequestRefused
from server.websocket.handshake import RETRY_S
from server.websocket.policy import LARGE_BYTES_BURST, LARGE_BYTES_PER_S, SubmissionPolicy
from server.websocket.registry import SocketRegistry


class SocketAdmission:
    """Counts all that follow sessions, and limits it. `open`: what follows now. `limits`: as clients are told of them."""

    def __init__(self, registry: SocketRegistry, limits: Limits, sockets_max: int) -> None:
        self.open = registry
        self.limits = limits
        self._sockets_max = sockets_max
        per_minute = limits.submissions_per_minute
        self._pace = KeyedRateLimiter(per_minute / 60, per_minute, USERS_MAX)
        self._bytes = KeyedRateLimiter(LARGE_BYTES_PER_S, LARGE_BYTES_BURST, USERS_MAX)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def policy(self, principal: Principal, level: AccessLevel) -> SubmissionPolicy:
        """What a client with these credentials may hand in."""
        turn = self._turns.get(principal.user_id)
        if turn is None:
            turn = self._turns[principal.user_id] = asyncio.Lock()
        per_minute = self.limits.submissions_per_minute
        return SubmissionPolicy(principal, level, self._pace, self._bytes, per_minute, turn)

    def check(self, principal: Principal) -> None:
        """Whether this caller may follow one session more. Raises `RequestRefused`."""
        if len(self.open) >= self._sockets_max:
            raise _too_many(f"this server has {self._sockets_max} sockets open already; try again later", 503)
        most = self.limits.sockets_per_user
        if self.open.count_of(principal.user_id) >= most:
            raise _too_many(f"you have {most} sockets open already; close one")
        guests_max = self.limits.sockets_per_session // 2  # the rest is kept for the owner
        grant = principal.grant
        if grant is None or self.open.guests_of(grant.session_id) < guests_max:
            return
        reason = CloseReason(codes.CLOSE_GOING_AWAY, "this link has more than its part of the session's sockets")
        if not self.open.make_room(grant.session_id, principal.user_id, reason):
            raise _too_many(f"guests have {guests_max} sockets on this session already; try again later")

    def check_attached(self, principal: Principal, port: SessionPort) -> None:
        """The same, once it is counted among the session's sockets. Raises `RequestRefused`."""
        self.check(principal)
        most = self.limits.sockets_per_session
        if port.sockets > most:
            raise _too_many(f"this session has {most} sockets already; close one")


def _too_many(message: str, status: int | None = None) -> RequestRefused:
    return RequestRefused(HTTPRefusal("too_many_sockets", message, status=status, retry_after_s=RETRY_S))
