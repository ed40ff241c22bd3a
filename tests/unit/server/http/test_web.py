"""Page files: as the server sends them."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from server.http.web import LIBRARY, WEB, takes_gzip
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.network.http_client import http_client


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_for(tmp_path, auth={"local_token": True})
    async with listening(settings) as live, http_client(live.http) as client:
        yield client


async def test_the_page_is_the_same_for_every_session_and_needs_no_login(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "trusted-types worker" in page.headers["content-security-policy"]
    of_session = await http.get(f"/s/{'0' * 32}")
    assert of_session.text.replace('"../static/', '"./static/') == page.text
    assert (await http.get("/s/no session")).status_code == 404


async def test_a_file_is_compressed_if_the_client_accepts_it(http: httpx.AsyncClient) -> None:
    plain = (LIBRARY / "holdfast.js").read_bytes()
    async with http.stream("GET", "/static/holdfast.js", headers={"accept-encoding": "gzip, br"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain
    identity = await http.get("/static/holdfast.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in identity.headers
    assert identity.content == plain
    assert identity.headers["content-type"].startswith("text/javascript")
    assert identity.headers["x-content-type-options"] == "nosniff"


async def test_the_worker_is_for_the_page_above_it_and_reaches_this_server_alone(http: httpx.AsyncClient) -> None:
    answer = await http.get("/static/service-worker.js")
    assert answer.headers["service-worker-allowed"] == "../"
    assert answer.headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"
    assert answer.headers["cache-control"] == "no-cache"


async def test_an_unchanged_file_is_answered_with_304(http: httpx.AsyncClient) -> None:
    first = await http.get("/static/view.js")
    again = await http.get("/static/view.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "no-cache"
    other = await http.get("/static/view.js", headers={"if-none-match": '"another"'})
    assert other.status_code == 200


async def test_what_the_page_loads_at_once_is_named_by_its_content_and_kept_for_ever(http: httpx.AsyncClient) -> None:
    loaded = re.findall(r'(?:src|href)="\./(static/[^"]+)"', (await http.get("/")).text)
    assert len(loaded) == 7
    for address in loaded:
        assert "immutable" in (await http.get(f"/{address}")).headers["cache-control"], address


async def test_a_page_that_is_older_or_newer_than_the_server_gets_none_of_its_files_and_loads_itself_again(
    http: httpx.AsyncClient,
) -> None:
    style = await http.get("/static/styles/base.css?v=0123456789abcdef")
    script = await http.get("/static/page.js?v=0123456789abcdef")
    assert (style.status_code, script.status_code) == (404, 200)
    assert "location.reload()" in script.text and len(script.text) < 1_000
    assert (script.headers["cache-control"], script.headers["vary"]) == ("no-store", "*")


async def test_versioned_files_are_cached_for_ever(http: httpx.AsyncClient) -> None:
    path = next(WEB.glob("vendor/highlightjs-*/core.min.js")).relative_to(WEB)
    answer = await http.get(f"/static/{path}")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/none.js", "/static/index.html", "/static/../server/page.py", "/static/%2e%2e/%2e%2e/pyproject.toml",
     "/static//etc/passwd", "/static/vendor", "/static/app/../../address.py", "/static/..%2faddress.py"],
)  # fmt: skip
async def test_an_unknown_file_is_404(http: httpx.AsyncClient, path: str) -> None:
    request = http.build_request("GET", path)
    request.url = request.url.copy_with(raw_path=path.encode())
    assert (await http.send(request)).status_code in (401, 404)


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("", False), ("br", False), ("gzip;q=0", False)],
)
def test_accept_encoding_is_parsed(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) is takes
