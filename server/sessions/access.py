"""Session access: what a principal may do with a session."""

import msgspec

from protocol.content import AccessLevel
from server.auth.principal import Principal, access_level, guest
from server.journal.base import SessionRow
from server.sessions.errors import SessionNotFound
from server.sessions.registry import SessionRegistry


class SessionAccess(msgspec.Struct, frozen=True):
    """A principal that may use a session.

    `row`: of the session. `level`: what the principal may do. `principal`: who they are in this session: a guest, if it
    is a share link that gives them access.
    """

    row: SessionRow
    level: AccessLevel
    principal: Principal


def authorize(principal: Principal, row: SessionRow) -> SessionAccess:
    """The principal's access to the session of this row. Raises `SessionNotFound` if they have none."""
    level = access_level(principal, row.session_id, row.user_id)
    if level is None:
        raise SessionNotFound(row.session_id)
    if level == "owner" or principal.grant is None:
        return SessionAccess(row, level, msgspec.structs.replace(principal, grant=None))
    return SessionAccess(row, level, guest(principal.grant, by_cookie=principal.by_cookie))


async def authorize_session(registry: SessionRegistry, principal: Principal, session_id: str) -> SessionAccess:
    """Open the session and authorize the principal. Reads the row once, or not at all if the session is awake.

    Raises `SessionNotFound`, also for a session to which the principal has no access.
    """
    return authorize(principal, (await registry.open(session_id)).row)
