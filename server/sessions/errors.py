"""Why a session cannot be made, woken or found, in the words of HTTP: the same before an upgrade and in a route's answer. Pure."""

from server.journal.base import Deleted, NotFound, StorageFull
from server.sessions.registry import SessionCapacityError, SessionNotFound
from server.websocket.handshake import Denied


def denied(error: Exception) -> Denied:
    """The refusal that this error is."""
    if isinstance(error, StorageFull):
        return Denied("storage", str(error), error_type="per_user", what=error.what)
    if isinstance(error, SessionCapacityError):
        status = 503 if error.error_type == "global" else 429
        return Denied("capacity", str(error), status=status, error_type=error.error_type)
    if isinstance(error, (SessionNotFound, NotFound, Deleted)):
        return Denied("not_found", "there is no such session")
    return Denied("unavailable", str(error))
