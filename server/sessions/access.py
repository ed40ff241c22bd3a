"""What somebody is to a session: its owner, the holder of a link to it, or nobody, to whom it is not there."""

import msgspec

from protocol.content import AccessLevel
from server.auth.authorization import standing
from server.auth.principal import Principal, guest
from server.sessions.errors import SessionNotFound
from server.sessions.manager import SessionManager


class SessionAccess(msgspec.Struct, frozen=True):
    """Who was access to a session. `principal` is what they are here: a guest, where it is a link that lets them in."""

    session_id: str
    owner: str
    level: AccessLevel
    principal: Principal


async def authorize_session(manager: SessionManager, principal: Principal, session_id: str) -> SessionAccess:
    """Admit to the session. Raises `SessionNotFound`, also where there is one that is not theirs to see."""
    owner = await manager.get_session_owner(session_id)
    what = standing(principal, session_id, owner)
    if what is None:
        raise SessionNotFound(session_id)
    if what == "owner" or principal.grant is None:
        here = msgspec.structs.replace(principal, grant=None)
    else:
        here = guest(principal.grant, by_cookie=principal.by_cookie)
    return SessionAccess(session_id, owner, what, here)
