"""The HTTP routes of a session's links: their owner gives them, sees them and takes them back."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.session.messages import SubmissionRefusal
from agent.session.submissions import share_id_of
from protocol import codes
from protocol import submissions as sub
from protocol.content import Access, AccessLevel, ShareLink
from server.auth.share_links import Shares
from server.http.responses import answer
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal

BODY_BYTES_MAX = 1_024
STATUS = {codes.SHARE_UNKNOWN: 404, codes.TOO_MANY_SHARES: 409, codes.SESSION_CLOSED: 409}


class Link(msgspec.Struct, frozen=True):
    """A link as its owner sees it. The secret is behind the `#`: a browser does not send that to anybody."""

    share_id: str
    access: Access
    secret: str
    link: str


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted."""

    access: Annotated[Access, Meta(description="what the link's holder may do")]


class ShareRoutes:
    """`allowed` gives the session's id to its owner, and raises for everybody else."""

    def __init__(
        self, manager: SessionManager, shares: Shares, allowed: Callable[[Request, AccessLevel], Awaitable[str]]
    ) -> None:
        self._manager = manager
        self._shares = shares
        self._allowed = allowed

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        return [
            Route("/api/sessions/{session_id}/shares", self.list, methods=["GET"]),
            Route("/api/sessions/{session_id}/shares", self.share, methods=["POST"]),
            Route("/api/sessions/{session_id}/shares/{share_id}", self.unshare, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """The session's links, the oldest first."""
        session_id = await self._allowed(request, "owner")
        links = await self._manager.links(session_id)
        return answer({"shares": [self._link(request, session_id, link) for link in links]})

    async def share(self, request: Request) -> Response:
        """One more link."""
        session_id = await self._allowed(request, "owner")
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > BODY_BYTES_MAX:
                return HTTPRefusal("too_large", f"the body is larger than {BODY_BYTES_MAX} bytes").as_response()
        try:
            wanted = msgspec.json.decode(body, type=Wanted)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            message = f'the body must be {{"access": "read"}} or {{"access": "drive"}}: {error}'
            return HTTPRefusal("bad_request", message).as_response()
        asked = sub.Share(id=secrets.token_hex(16), access=wanted.access)
        refused = await self._manager.submit(session_id, asked)
        if isinstance(refused, SubmissionRefusal):
            return _refused("bad_request", refused)
        made = ShareLink(share_id_of(sub.submission_id(asked)), wanted.access)
        return answer(self._link(request, session_id, made), 201)

    async def unshare(self, request: Request) -> Response:
        """Take a link back."""
        session_id = await self._allowed(request, "owner")
        share_id = str(request.path_params["share_id"])[:64]
        refused = await self._manager.submit(session_id, sub.Unshare(share_id=share_id))
        if isinstance(refused, SubmissionRefusal):
            return _refused("not_found", refused)
        return Response(status_code=204)

    def _link(self, request: Request, session_id: str, link: ShareLink) -> Link:
        secret = self._shares.secret(session_id, link.share_id)
        base = f"{request.url.scheme}://{request.url.netloc}"
        return Link(link.share_id, link.access, secret, f"{base}/s/{session_id}#share={secret}")


def _refused(code: str, refused: SubmissionRefusal) -> Response:
    return HTTPRefusal(code, refused.message, status=STATUS.get(refused.code, 503)).as_response()
