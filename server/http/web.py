"""The page's files at `/static/`: read once, served from memory, compressed for who takes it, kept by browsers as long as is right."""

import gzip
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.http.responses import refusal

WEB = Path(__file__).resolve().parents[2] / "clients" / "web"
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
            return refusal("not_found", "the page has no such file")
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
