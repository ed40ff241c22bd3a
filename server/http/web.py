"""The page's files at `/static/`: read once, served from memory, compressed for who takes it, kept by browsers as long as is right."""

import base64
import gzip
import re
from collections.abc import Sequence
from functools import cache, cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from server.http.security_headers import content_security_policy
from server.util.refusal import HTTPRefusal


def page_folder() -> Path:
    """The folder `web` of the package `clients`, which is found but not imported: the server needs its files alone."""
    spec = find_spec("clients")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package `clients`, which holds the page, is not installed", name="clients")
    return Path(spec.submodule_search_locations[0]) / "web"


WEB = page_folder()
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
"""Browsers keep it, and ask each time whether it is still so (ETag)."""
COMPRESSED = ("gzip", "*")


class Asset:
    """One file as it is served. Those below vendor/ have their version in their path, so they never change."""

    def __init__(self, path: Path, name: str) -> None:
        self.body = path.read_bytes()
        self.headers = {
            "content-type": TYPES[path.suffix],
            "cache-control": FOR_EVER if name.startswith("vendor/") else ASK_AGAIN,
            "etag": f'"{sha256(self.body).hexdigest()[:32]}"',
            "vary": "accept-encoding",
        }

    @cached_property
    def compressed(self) -> bytes:
        """The body in gzip's format, the same bytes at each start."""
        return gzip.compress(self.body, 9, mtime=0)


def load_assets(folder: Path = WEB) -> dict[str, Asset]:
    """Every file of the page that a browser may ask for, by its path below the folder."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.suffix in TYPES}
    return {name: Asset(path, name) for name, path in sorted(found.items())}


class StaticRoutes:
    """Serves what was there at the start, and nothing else: no path is ever looked up on the disk."""

    def __init__(self) -> None:
        self._assets = load_assets()

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        return [Route("/static/{path:path}", self.serve)]

    async def serve(self, request: Request) -> Response:
        """One file, or the word that the browser's copy is still good."""
        asset = self._assets.get(str(request.path_params["path"]))
        if asset is None:
            return HTTPRefusal("not_found", "the page has no such file").as_response()
        if asset.headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=asset.headers)
        if takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(asset.compressed, headers={**asset.headers, "content-encoding": "gzip"})
        return Response(asset.body, headers=asset.headers)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    for part in accepted.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() in COMPRESSED:
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


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
            return HTTPRefusal("not_found", "this is no address of a session").as_response()
        return await self.index(request)
