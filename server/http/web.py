"""Web client: its page, and its files at `/static/`, which are read when they are first asked for, and served from memory."""

import base64
import gzip
import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from server.http.endpoints import HTML, Endpoint
from server.http.security_headers import DIAGRAM, PDF, WORKER, content_security_policy
from server.util.refusal import HTTPRefusal


def clients_folder() -> Path:
    """The folder of the package `clients`, which is found but not imported: the server needs its files alone."""
    spec = find_spec("clients")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package `clients`, which holds the page, is not installed", name="clients")
    return Path(spec.submodule_search_locations[0])


WEB = clients_folder() / "web"
LIBRARY = clients_folder() / "js" / "src"
"""The client library for browsers, which is served beside the page's own files."""
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
FOR_EVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
"""Browsers keep the file and ask each time whether it changed (ETag)."""
OWN_HEADERS = {
    "diagram.html": {"content-security-policy": DIAGRAM},
    "pdf.html": {"content-security-policy": PDF},
    # It is for the page, which is above its own folder.
    "service-worker.js": {"content-security-policy": WORKER, "service-worker-allowed": "../"},
}
OTHER_VERSION = "other-version.js"
COMPRESSED = ("gzip", "*")
PACKED = ".gz"


class Asset:
    """One file with its headers, which is read when it is first asked for. Where it ends in `.gz` it is stored compressed.

    The files below `vendor/` have their version in their path, so they never change.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    @cached_property
    def _stored(self) -> bytes:
        return self._path.read_bytes()

    @cached_property
    def _digest(self) -> str:
        return sha256(self._stored).hexdigest()

    @property
    def version(self) -> str:
        """Names the content. Asked for by `?v=` and this, the file never changes either."""
        return self._digest[:16]

    @property
    def is_script(self) -> bool:
        """Whether it is a script."""
        return TYPES[Path(self._name).suffix] == TYPES[".js"]

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers of an answer with it."""
        headers = {
            "content-type": TYPES[Path(self._name).suffix],
            "cache-control": FOR_EVER if self._name.startswith("vendor/") else REVALIDATE,
            "etag": f'"{self._digest[:32]}"',
            "vary": "accept-encoding",
        }
        return headers | OWN_HEADERS.get(self._name, {})

    def headers_for(self, version: str) -> dict[str, str]:
        """The headers for one that asked for this version, or for none."""
        return {**self.headers, "cache-control": FOR_EVER} if version else self.headers

    @cached_property
    def body(self) -> bytes:
        """The content."""
        return gzip.decompress(self._stored) if self._path.suffix == PACKED else self._stored

    @cached_property
    def compressed(self) -> bytes:
        """The body, compressed with gzip; the same bytes at each start of the server."""
        return self._stored if self._path.suffix == PACKED else gzip.compress(self.body, 9, mtime=0)


def asset_paths(*folders: Path) -> dict[str, Path]:
    """Every file that a browser may request, by its path below its folder."""
    return {
        path.relative_to(folder).as_posix().removesuffix(PACKED): path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {PACKED, *TYPES} and path != WEB / "index.html"
    }


@cache
def page_assets() -> Mapping[str, Asset]:
    """The page's files. Each is read and compressed once in a process, however many servers it starts."""
    return {name: Asset(path, name) for name, path in sorted(asset_paths(WEB, LIBRARY).items())}


class StaticRoutes:
    """Handler of the files that were there at the first request; no path of a request is looked up on the disk."""

    async def serve(self, request: Request) -> Response:
        """Read one file; 304 if the browser has the same one."""
        asset = page_assets().get(str(request.path_params["path"]))
        if asset is None:
            return HTTPRefusal("not_found", "the web client has no such file").as_response()
        version = request.query_params.get("v", "")
        if version not in ("", asset.version):
            return self._of_other_version(asset)
        headers = asset.headers_for(version)
        if headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(asset.compressed, headers={**headers, "content-encoding": "gzip"})
        return Response(asset.body, headers=headers)

    @staticmethod
    def _of_other_version(asset: Asset) -> Response:
        """Instead of a file that a page of another version asks for, so that no page is put together from two; for a script one that loads the
        page again. Nobody may keep it: also not the page's worker, to which `*` is an error."""
        if not asset.is_script:
            return HTTPRefusal(
                "not_found", "this server has another version of the file; load the page again"
            ).as_response()
        kept_by_nobody = {"content-type": TYPES[".js"], "cache-control": "no-store", "vary": "*"}
        return Response(page_assets()[OTHER_VERSION].body, headers=kept_by_nobody)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    for part in accepted.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() in COMPRESSED:
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


SESSION_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
LOADED = re.compile(r'((?:src|href)="/static/([^"]+))"')
INLINE = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


HERE: Final = "./"
"""From the page at `/` to the folder that it is in, which is the server's root, or what a proxy shows as that."""
UP: Final = "../"
"""The same from the page at `/s/{session_id}`."""


@cache
def index_html(root: str = "/") -> str:
    """The page. It is the same for every user and every session, but for its addresses, which begin with `root`.

    What it loads at once it names with its version: a browser that has it does not ask again.
    """
    html = (WEB / "index.html").read_text(encoding="utf-8")
    html = LOADED.sub(lambda found: f'{found[1]}?v={page_assets()[found[2]].version}"', html)
    return html.replace('"/static/', f'"{root}static/')


def inline_hashes(html: str) -> list[str]:
    """The hashes by which the policy allows the inline scripts of a page: the import map, which must be inline."""
    return ["sha256-" + base64.b64encode(sha256(script.encode()).digest()).decode() for script in INLINE.findall(html)]


def page_policy(html: str, frame_ancestors: Sequence[str], image_sources: Sequence[str]) -> str:
    """The content security policy of the page."""
    return content_security_policy(frame_ancestors, page=True, hashes=inline_hashes(html), image_sources=image_sources)


class PageRoutes:
    """Handlers of the page, for every address that shows it."""

    def __init__(self, frame_ancestors: Sequence[str], image_sources: Sequence[str]) -> None:
        self._frame_ancestors = frame_ancestors
        self._image_sources = image_sources

    @cached_property
    def _headers(self) -> dict[str, dict[str, str]]:
        """Made for the first browser: many servers serve programs alone."""
        return {
            root: {
                "content-security-policy": page_policy(index_html(root), self._frame_ancestors, self._image_sources),
                "cache-control": "no-cache",
            }
            for root in (HERE, UP)
        }

    async def index(self, request: Request) -> Response:
        """Read the web client's page."""
        return HTMLResponse(index_html(HERE), headers=self._headers[HERE])

    async def session(self, request: Request) -> Response:
        """Read the web client's page for one session."""
        if SESSION_ID.fullmatch(str(request.path_params["session_id"])) is None:
            return HTTPRefusal("not_found", "this is not the address of a session").as_response()
        return HTMLResponse(index_html(UP), headers=self._headers[UP])


ENDPOINTS: Final = (
    Endpoint(method="GET", path="/", needs="nothing", handler=PageRoutes.index, name="Page_index", answers={200: HTML}),
    Endpoint(
        method="GET",
        path="/s/{session_id}",
        needs="nothing",
        handler=PageRoutes.session,
        name="Page_session",
        answers={200: HTML},
        refusals=(404,),
    ),
)
STATIC_ENDPOINTS: Final = (
    Endpoint(method="GET", path="/static/{path:path}", needs="nothing", handler=StaticRoutes.serve),
)
