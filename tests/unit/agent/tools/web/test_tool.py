"""`web_fetch`: what it shows, saves and refuses, and what it asks a person."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.policy.policy import Policy, evaluate
from agent.sandbox.local.files import LocalFiles
from agent.tools import ToolRouter
from agent.tools.base import ToolResult
from agent.tools.web import WebClient, WebFetchTool, WebSettings
from agent.tools.web.tool import UNTRUSTED
from agent.util.executors import Executors
from agent.util.places import SERVER
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from tests.support.constants import built_in
from tests.support.executors import disk, places
from tests.support.prepared_calls import complaint_of, effects_of
from tests.unit.agent.tools.web.internet import PUBLIC, Internet, Site, ok, redirect

URL = "http://site.example"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class Model:
    """Calls the tool as a session does. `root`: its workspace."""

    def __init__(self, internet: Internet, root: Path, **settings: Any) -> None:
        self.root = root
        limits = WorkspaceLimits()
        files = LocalFiles(Workspace(root, limits), disk(), places())
        web = WebClient(WebSettings(**built_in("web", settings)), Executors(), internet.network)
        self.router = ToolRouter([WebFetchTool(web, files, limits, SERVER)])

    async def calls(self, **arguments: Any) -> ToolResult:
        async def log(text: str) -> None:
            raise AssertionError(f"it logs nothing, but said {text}")

        return await self.router.run("web_fetch", arguments, log)


@pytest.fixture
def model(internet: Internet, tmp_path: Path) -> Model:
    return Model(internet, tmp_path / "workspace")


async def test_a_page_is_shown_as_markdown_with_a_word_on_where_it_is_from(model: Model, there: Site) -> None:
    html = b"<title>Hello</title><h1>Hi</h1><p>there"
    there.answers["/"] = ok(html, "text/html")
    result = await model.calls(url=URL)
    assert result.success and not result.truncated
    assert result.output == f"{URL} · Hello · text/html · {len(html)} bytes\n{UNTRUSTED}\n\n# Hi\n\nthere"


async def test_json_and_text_are_shown_as_they_are(model: Model, there: Site) -> None:
    body = json.dumps({"a": ["<b>", "ü"]}, ensure_ascii=False).encode()
    there.answers["/"] = ok(body, "application/json")
    assert (await model.calls(url=URL)).output.endswith(f"\n\n{body.decode()}")


async def test_text_that_plays_tricks_is_shown_without_them(model: Model, there: Site) -> None:
    there.answers["/"] = ok("a\x1b[31m\x07b \u202ec\n\td".encode())
    assert (await model.calls(url=URL)).output.endswith("\n\nab c\n\td")
    there.answers["/"] = ok(b"<title>one\x1b[2J&#8238;\ntwo</title><p>x", "text/html")
    assert f"{URL} · one two · text/html" in (await model.calls(url=URL)).output


async def test_a_long_page_is_shown_in_pieces_that_fit_together(
    internet: Internet, there: Site, tmp_path: Path
) -> None:
    model = Model(internet, tmp_path, view_chars_max=1_000)
    text = "".join(f"line {number}\n" for number in range(300))
    there.answers["/"] = ok(text.encode())
    seen, offset = "", 0
    while True:
        result = await model.calls(url=URL, offset=offset)
        piece, _, note = result.output.partition("\n\n")[2].rpartition("\n[")
        seen += piece
        assert result.truncated
        if "go on with offset=" not in note:
            break
        offset = int(note.partition("offset=")[2].rstrip("]"))
        assert offset == len(seen)
    assert seen == text
    beyond = await model.calls(url=URL, offset=len(text))
    assert not beyond.success and f"the page has {len(text)} characters" in beyond.output


async def test_the_rest_of_a_page_is_shown_as_it_was_fetched_without_asking_anybody(
    internet: Internet, there: Site, tmp_path: Path
) -> None:
    model = Model(internet, tmp_path, view_chars_max=1_000, kept_chars_max=3_000)
    there.answers |= {"/": ok(b"a" * 1_500), "/b": ok(b"b" * 2_500), "/c": ok(b"c" * 3_500)}

    def action(path: str, **arguments: Any) -> str:
        arguments = {"url": f"{URL}{path}", **arguments}
        return evaluate(Policy(), "web_fetch", arguments, effects_of(model.router, "web_fetch", arguments)).action

    assert action("/", offset=1_000) == "ask", "nothing is kept yet"
    await model.calls(url=f"{URL}/")
    there.answers["/"] = ok(b"A" * 1_500)
    assert (action("/", offset=1_000), action("/"), action("/", offset=1, save_as="x")) == ("allow", "ask", "ask")
    rest = await model.calls(url=f"{URL}/", offset=1_000)
    assert rest.success and "a" * 500 in rest.output and len(there.visits) == 1
    assert "A" * 1_000 in (await model.calls(url=f"{URL}/")).output, (
        "what is asked for from its beginning is fetched anew"
    )
    assert not (await model.calls(url=f"{URL}/", offset=1_500)).success
    await model.calls(url=f"{URL}/b")
    assert (action("/", offset=1_000), action("/b", offset=1_000)) == ("ask", "allow"), "there is room for one of them"
    await model.calls(url=f"{URL}/c")
    assert (action("/b", offset=1_000), action("/c", offset=1_000)) == ("allow", "ask"), "it is longer than the room"


async def test_a_page_over_the_size_limit_is_cut_with_a_note(internet: Internet, there: Site, tmp_path: Path) -> None:
    model = Model(internet, tmp_path, body_bytes_max=2_000)
    there.answers["/"] = ok(b"x" * 3_000)
    result = await model.calls(url=URL)
    assert result.truncated and result.output.endswith("[only the first 2000 bytes were read; save_as takes more]")


@pytest.mark.parametrize(("kind", "name"), [("image/png", "image/png"), ("", "no text"), ("text/plain", "text/plain")])
async def test_a_binary_file_is_refused_with_its_type_and_size(model: Model, there: Site, kind: str, name: str) -> None:
    there.answers["/a.png"] = ok(PNG, kind)
    result = await model.calls(url=f"{URL}/a.png")
    assert not result.success
    assert result.output == f"{URL}/a.png is {name}, of {len(PNG)} bytes: no text to show; keep it with save_as"


async def test_anything_is_saved_as_it_is(model: Model, there: Site) -> None:
    there.answers |= {"/a.png": ok(PNG, "image/png"), "/": ok(b"<p>page", "text/html")}
    result = await model.calls(url=f"{URL}/a.png", save_as="pictures/a.png")
    assert result.success and "saved" in result.output
    assert (model.root / "pictures" / "a.png").read_bytes() == PNG
    await model.calls(url=URL, save_as="page.html")
    assert (model.root / "page.html").read_bytes() == b"<p>page"


async def test_an_oversized_file_is_not_saved_in_part(internet: Internet, there: Site, tmp_path: Path) -> None:
    model = Model(internet, tmp_path / "workspace", save_bytes_max=2_000)
    there.answers["/"] = ok(b"x" * 3_000)
    result = await model.calls(url=URL, save_as="a")
    assert not result.success and "larger than 2000 bytes" in result.output
    assert not model.root.exists()


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a/../../b", "a\0b"])
async def test_nothing_is_fetched_to_be_saved_outside_of_the_workspace(model: Model, there: Site, path: str) -> None:
    result = await model.calls(url=URL, save_as=path)
    assert not result.success and "save_as" in result.output
    assert there.visits == []


async def test_a_server_error_is_reported_with_the_start_of_its_body(model: Model, there: Site) -> None:
    there.answers["/"] = ok(
        b"<h1>Gone fishing</h1>" + b"<p>fish</p>" * 1_000, "text/html", status="503 Service Unavailable"
    )
    result = await model.calls(url=URL, save_as="a")
    assert not result.success and not (model.root / "a").exists()
    assert result.output.startswith(f"{URL} answers 503 Service Unavailable\n{UNTRUSTED}\n\n# Gone fishing")
    assert len(result.output) < 2_200


async def test_a_redirect_to_another_host_is_the_models_to_follow(
    model: Model, internet: Internet, there: Site
) -> None:
    internet.name("other.example", [PUBLIC])
    there.answers["/"] = redirect("http://other.example/x")
    result = await model.calls(url=URL)
    assert not result.success and "redirects to another host: http://other.example/x" in result.output


async def test_errors_are_sentences_without_addresses(model: Model, internet: Internet) -> None:
    internet.name("site.example", ["10.1.2.3"])
    result = await model.calls(url=URL)
    assert result == ToolResult(
        output="site.example leads to a private address; it cannot be fetched from", success=False
    )


def test_the_approval_shows_the_host_and_the_whole_url(model: Model) -> None:
    arguments: dict[str, object] = {"url": f"{URL}/a?b=c", "save_as": "x.txt"}
    effects = effects_of(model.router, "web_fetch", arguments)
    verdict = evaluate(Policy(), "web_fetch", arguments, effects)
    assert verdict.action == "ask"
    assert verdict.reason == f"asks site.example for {URL}/a?b=c and saves it as x.txt in the session's workspace"


@pytest.mark.parametrize(
    ("url", "grant"),
    [
        ("http://Site.example/a", "web_fetch:site.example"),
        ("https://site.example:443/b", "web_fetch:site.example"),
        ("https://site.example:8443/b", "web_fetch:site.example:8443"),
        ("https://other.example/", "web_fetch:other.example"),
    ],
)
def test_an_approval_for_the_session_allows_the_one_host(model: Model, url: str, grant: str) -> None:
    arguments: dict[str, object] = {"url": url}
    effects = effects_of(model.router, "web_fetch", arguments)
    assert evaluate(Policy(), "web_fetch", arguments, effects).grant == grant
    assert evaluate(Policy(), "web_fetch", arguments, effects, [grant]).action == "allow"
    assert evaluate(Policy(), "web_fetch", arguments, effects, ["web_fetch", "web_fetch:example"]).action == "ask"


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "file:///etc/passwd", "http://a:b@site.example/"])
def test_a_forbidden_url_is_refused_without_an_approval(model: Model, url: str) -> None:
    complaint = complaint_of(model.router, "web_fetch", {"url": url})
    assert complaint is not None and complaint.endswith("at `$.url`")


def test_the_first_fetch_imports_what_it_needs_in_a_thread_and_not_on_the_loop() -> None:
    program = """
import asyncio, sys, threading
from agent.tools.web.settings import WebSettings
from agent.tools.web.tool import WebClient
from agent.tools.web.urls import parse_url
from agent.util.executors import Executors
from agent.util.places import SERVER

class Spy:
    def find_spec(self, name, path=None, target=None):
        if name in ("httpcore", "agent.tools.web.fetch", "anyio._backends._asyncio"):
            found[name] = threading.current_thread() is threading.main_thread()

async def main():
    executors = Executors()
    try:
        await WebClient(WebSettings(), executors).fetch(parse_url("http://site.invalid/", WebSettings()), SERVER, save=False)
    except Exception as error:
        print(type(error).__name__)
    await executors.aclose()

found = {}
sys.meta_path.insert(0, Spy())
asyncio.run(main())
print(sorted(found), any(found.values()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "FetchError\n['agent.tools.web.fetch', 'anyio._backends._asyncio', 'httpcore'] False\n"
