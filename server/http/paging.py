"""Paging of lists of sessions: the parameters `limit` and `before` of a request, and `next` of an answer."""

from typing import Final

from msgspec import UNSET, UnsetType
from starlette.requests import Request

from server.http.endpoints import Query
from server.http.requests import bad_request, integer_parameter
from server.journal.base import ListPosition
from server.sessions.rows import LIST_POSITION, list_position_text, read_list_position

SESSIONS_LIMIT_MAX: Final = 1_000
"""Sessions in one answer: each has some 500 bytes, so an answer stays below a megabyte."""

PAGE_QUERY: Final = (
    Query(
        "limit",
        "largest number of sessions in the answer",
        {"type": "integer", "minimum": 1, "maximum": SESSIONS_LIMIT_MAX, "default": SESSIONS_LIMIT_MAX},
    ),
    Query(
        "before",
        "the `next` of an earlier answer: the sessions after it are answered",
        {"type": "string", "pattern": f"^{LIST_POSITION}$"},
    ),
)


def read_page(request: Request) -> tuple[int, ListPosition | None]:
    """The length of the page that is asked for, and the position it follows. Raises `RequestRefused`."""
    most = integer_parameter(request, "limit", SESSIONS_LIMIT_MAX, 1, SESSIONS_LIMIT_MAX)
    text = request.query_params.get("before")
    if text is None:
        return most, None
    position = read_list_position(text)
    if position is None:
        raise bad_request("`before` must be the `next` of an earlier answer")
    return most, position


def next_page(position: ListPosition | None) -> str | UnsetType:
    """The `next` of an answer; unset if there is no further page."""
    return UNSET if position is None else list_position_text(position)
