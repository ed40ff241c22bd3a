"""Routes of a session's links: its owner creates, lists and revokes them."""

import secrets
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent.session.messages import SubmissionRefusal
from agent.session.submissions import share_id_of
from protocol import codes
from protocol import submissions as sub
from protocol.content import ShareLink
from server.auth.share_links import ShareLinks
from server.http import schemas
from server.http.bodies import read_small
from server.http.endpoints import SESSION, Endpoint
from server.http.requests import authorized_session, bad_request
from server.http.responses import json_response
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal

BODY_BYTES_MAX: Final = 1_024
SHARE_ID_CHARS_MAX: Final = 64
STATUSES: Final = {codes.SHARE_UNKNOWN: 404, codes.TOO_MANY_SHARES: 409, codes.SESSION_CLOSED: 409}


class ShareRoutes:
    """Handlers of the routes of links."""

    def __init__(self, manager: SessionManager, shares: ShareLinks, public_address: str) -> None:
        """`public_address`: where browsers reach the server through a proxy; empty: where the request was made."""
        self._manager = manager
        self._shares = shares
        self._public_address = public_address

    async def list(self, request: Request) -> Response:
        """List a session's links, oldest first."""
        session_id = await authorized_session(self._manager, request, "owner")
        links = await self._manager.links(session_id)
        return json_response(schemas.Links([self._link(request, session_id, link) for link in links]))

    async def share(self, request: Request) -> Response:
        """Create a link to a session."""
        session_id = await authorized_session(self._manager, request, "owner")
        body = await read_small(request, BODY_BYTES_MAX)
        if body is None:
            return HTTPRefusal("too_large", f"the body is larger than {BODY_BYTES_MAX} bytes").as_response()
        try:
            wanted = msgspec.json.decode(body, type=schemas.ShareRequest)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise bad_request(f'the body must be {{"access": "read"}} or {{"access": "drive"}}: {error}') from error
        submission = sub.Share(id=secrets.token_hex(16), access=wanted.access, may_set_model=wanted.may_set_model)
        answer = await self._manager.submit(session_id, submission)
        if isinstance(answer, SubmissionRefusal):
            return _refused("bad_request", answer)
        link = ShareLink(
            share_id_of(sub.submission_id(submission)),
            wanted.access,
            wanted.may_set_model and wanted.access == "drive",
        )
        return json_response(self._link(request, session_id, link), 201)

    async def unshare(self, request: Request) -> Response:
        """Revoke a link."""
        session_id = await authorized_session(self._manager, request, "owner")
        share_id = str(request.path_params["share_id"])[:SHARE_ID_CHARS_MAX]
        answer = await self._manager.submit(session_id, sub.Unshare(share_id=share_id))
        if isinstance(answer, SubmissionRefusal):
            return _refused("not_found", answer)
        return Response(status_code=204)

    def _link(self, request: Request, session_id: str, link: ShareLink) -> schemas.Link:
        secret = self._shares.secret(session_id, link.share_id)
        base = self._public_address or f"{request.url.scheme}://{request.url.netloc}"
        return schemas.Link(
            link.share_id, link.access, secret, f"{base}/s/{session_id}#share={secret}", link.may_set_model is True
        )


def _refused(code: str, refusal: SubmissionRefusal) -> Response:
    return HTTPRefusal(code, refusal.message, status=STATUSES.get(refusal.code, 503)).as_response()


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path=f"{SESSION}/shares",
        needs="sessions",
        handler=ShareRoutes.list,
        name="Share_list",
        answers={200: schemas.Links},
        refusals=(404, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{SESSION}/shares",
        needs="sessions",
        handler=ShareRoutes.share,
        name="Share_share",
        body=schemas.ShareRequest,
        answers={201: schemas.Link},
        refusals=(404, 409, 413, 503),
    ),
    Endpoint(
        method="DELETE",
        path=f"{SESSION}/shares/{{share_id}}",
        needs="sessions",
        handler=ShareRoutes.unshare,
        name="Share_unshare",
        answers={204: None},
        refusals=(404, 409, 503),
    ),
)
