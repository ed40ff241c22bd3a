"""Exception handlers: the HTTP answer for every exception that a route may raise."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agent.util.errors import fault_id, fault_message
from agent.util.places import PlacesTaken
from server.journal.base import Deleted, NotFound, Unavailable
from server.journal.errors import StorageFull
from server.journal.nodes.base import OwnedElsewhere
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.util.refusal import HTTPRefusal, RequestRefused
from server.websocket.handshake import session_refusal

log = logging.getLogger("holdfast.routes")

BUSY_RETRY_S: Final = 5
"""When a request that found no place may be tried again: most work ends within seconds."""

Handler = Callable[[Request, Exception], Awaitable[Response]]


async def on_session_error(request: Request, error: Exception) -> Response:
    """Answer an error of the sessions or of the journal, such as a session that is not there or no room for one."""
    return _answer(request, session_refusal(error))


async def on_places_taken(request: Request, error: Exception) -> Response:
    """Answer 503: as much of this kind of work runs for this user, or for all, as may."""
    return _answer(request, HTTPRefusal("unavailable", str(error), retry_after_s=BUSY_RETRY_S))


async def on_request_refused(request: Request, error: Exception) -> Response:
    """Answer with the refusal that the route raised."""
    assert isinstance(error, RequestRefused)
    return _answer(request, error.refusal)


async def on_client_gone(request: Request, error: Exception) -> Response:
    """Answer a client that left before its body had come, which nobody reads. It is no fault: a log of it would be as long as a
    client likes."""
    return HTTPRefusal("bad_request", "the connection ended before the body was complete; send it again").as_response()


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer 404 for a path, or 405 for a method, that no route has."""
    assert isinstance(error, HTTPException)
    code = "not_found" if error.status_code == 404 else "bad_request"
    response = _answer(request, HTTPRefusal(code, error.detail, status=error.status_code))
    if error.status_code == 405:
        response.headers["allow"] = ", ".join(sorted(_methods(request)))
    return response


async def on_fault(request: Request, error: Exception) -> Response:
    """Answer 500 for a fault of the server. The log holds it under an id; the client is told the id alone."""
    fault = fault_id()
    log.error("fault %s: %s %s failed", fault, request.method, request.url.path, exc_info=error)
    return _answer(request, HTTPRefusal("internal", fault_message(fault), id=fault))


def _answer(request: Request, refusal: HTTPRefusal) -> Response:
    return refusal.as_response(request.scope["path"])


def _methods(request: Request) -> set[str]:
    """The methods of the path, whichever of its routes they are of."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    path = request.scope["path"]
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


EXCEPTION_HANDLERS: Final[dict[type[Exception] | int, Handler]] = {
    SessionNotFound: on_session_error,
    SessionCapacityError: on_session_error,
    GoingAway: on_session_error,
    Deleted: on_session_error,
    NotFound: on_session_error,
    StorageFull: on_session_error,
    Unavailable: on_session_error,
    OwnedElsewhere: on_session_error,
    PlacesTaken: on_places_taken,
    RequestRefused: on_request_refused,
    ClientDisconnect: on_client_gone,
    Exception: on_fault,
    404: on_http_exception,
    405: on_http_exception,
}
