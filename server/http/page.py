"""The page at `/` and `/s/{session_id}`: the one HTML file of clients/web/, and the policy a browser holds it to."""

import base64
import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from server.http.responses import refusal
from server.http.security_headers import content_security_policy
from server.http.web import WEB

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
INLINE = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


@cache
def index_html() -> str:
    """The page, the same for everyone and every session: it finds out the rest by itself."""
    return (WEB / "index.html").read_text(encoding="utf-8")


def inline_hashes(html: str) -> list[str]:
    """The policy's names of the inline scripts of a page: the import map, which must be inline, and nothing else."""
    return ["sha256-" + base64.b64encode(sha256(script.encode()).digest()).decode() for script in INLINE.findall(html)]


def page_policy(frame_ancestors: Sequence[str], image_sources: Sequence[str]) -> str:
    """The content security policy of the page."""
    return content_security_policy(
        frame_ancestors, page=True, hashes=inline_hashes(index_html()), image_sources=image_sources
    )


class PageRoutes:
    """The page, whichever session its address names."""

    def __init__(self, frame_ancestors: Sequence[str], image_sources: Sequence[str]) -> None:
        self._headers = {
            "content-security-policy": page_policy(frame_ancestors, image_sources),
            "cache-control": "no-cache",
        }

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        return [Route("/", self.index), Route("/s/{session_id}", self.session)]

    async def index(self, request: Request) -> Response:
        """For a person who opens the address in a browser."""
        return HTMLResponse(index_html(), headers=self._headers)

    async def session(self, request: Request) -> Response:
        """The same page, which shows the session that its address names; who may see it, the page asks as its user."""
        if SESSION_ID.fullmatch(str(request.path_params["session_id"])) is None:
            return refusal("not_found", "this is no address of a session")
        return await self.index(request)
