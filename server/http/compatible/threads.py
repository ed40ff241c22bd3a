"""Threads: the session that a client means by a name of its own making. It is made at first use."""

import re
from contextlib import suppress
from hashlib import blake2b
from typing import Final

import msgspec

from server.auth.principal import Principal
from server.journal.base import Conflict, Deleted, NotFound, SessionRow
from server.sessions.access import authorize_session
from server.sessions.errors import SessionNotFound
from server.sessions.manager import SESSION_ID_BYTES, SessionManager
from server.util.refusal import HTTPRefusal, RequestRefused

NAME_CHARS_MAX: Final = 256
DELETED_MAX: Final = 16
"""How often the session of one name may be deleted and made again, while the journal remembers that it was deleted."""

_SESSION_ID: Final = re.compile(r"[0-9a-f]{32}")


def session_named(user_id: str, name: str, number: int = 0) -> str:
    """The id of this user's session of that name. `number`: how many sessions of the name were deleted before."""
    return blake2b(msgspec.json.encode([user_id, name, number]), digest_size=SESSION_ID_BYTES).hexdigest()


async def open_thread(manager: SessionManager, principal: Principal, name: str) -> SessionRow:
    """The row of the session that this caller means: by its id, or by a name that they give it.

    Raises `RequestRefused`, `SessionCapacityError`, `GoingAway`, `JournalError`.
    """
    if not 0 < len(name) <= NAME_CHARS_MAX:
        message = f"the name of a conversation has 1 to {NAME_CHARS_MAX} characters"
        raise RequestRefused(HTTPRefusal("bad_request", message))
    if _SESSION_ID.fullmatch(name):
        with suppress(SessionNotFound):
            return (await authorize_session(manager.registry, principal, name)).row
    for number in range(DELETED_MAX):
        session_id = session_named(principal.user_id, name, number)
        try:
            await manager.journal.stat(session_id)
        except Deleted:
            continue
        except NotFound:
            with suppress(Conflict):  # another request has made it
                await manager.create_session(principal.user_id, session_id=session_id)
        with suppress(
            SessionNotFound
        ):  # clients of other protocols choose ids: another user may have made one of this id
            return (await authorize_session(manager.registry, principal, session_id)).row
    message = f"the name {name!r} was used for {DELETED_MAX} sessions that are gone; use another name"
    raise RequestRefused(HTTPRefusal("bad_request", message, status=409))
