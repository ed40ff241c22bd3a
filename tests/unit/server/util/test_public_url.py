"""Public URL: which addresses are one, and which requests were made there."""

from typing import Any

import pytest

from server.auth.public_requests import below, is_public, recognized
from server.config.server import OWN_NAMES, ServerSettings
from server.http.table import ENDPOINTS
from server.util.public_url import parse_public_url


@pytest.mark.parametrize(
    ("text", "address", "path"),
    [
        ("https://agent.test", "https://agent.test", ""),
        ("https://Agent.Test:443/", "https://agent.test", ""),
        ("http://localhost:8000/user/ann/proxy/7860/", "http://localhost:8000/user/ann/proxy/7860", "/user/ann/proxy/7860"),
        ("https://hub.test/user/ann%40x.org", "https://hub.test/user/ann%40x.org", "/user/ann@x.org"),
    ],
)  # fmt: skip
def test_a_public_url_has_an_origin_and_a_path(text: str, address: str, path: str) -> None:
    found = parse_public_url(text)
    assert found is not None
    assert (str(found), found.below) == (address, path)


@pytest.mark.parametrize(
    "text",
    ["", "agent.test", "ftp://agent.test", "https://", "https:///agent", "https://a/b?c", "https://a/b#c", "https://a//b",
     "https://a/b//", "https://a/../b", "https://a/./b", "https://a/%2e%2e/b", "https://a/b%2Fc", "https://a/b%00", "https://a/b%0A",
     "https://a/b;c", "https://a/b c", 'https://a/"b', "https://a/<b>", "https://a/ä", "https://a/%", "https://u@a/b",
     f"https://a/{'b' * 600}"],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    assert parse_public_url(text) is None
    if text:
        with pytest.raises(ValueError, match="is no address; write `https://name`"):
            ServerSettings(public_url=text)


def test_a_path_that_begins_like_one_of_the_servers_own_is_refused() -> None:
    assert {endpoint.path.split("/")[1].partition("{")[0] for endpoint in ENDPOINTS} - {""} == OWN_NAMES
    for path in ("api", "s/x", "ws", "static", "%61pi"):
        with pytest.raises(ValueError, match="the server has paths of its own below"):
            ServerSettings(public_url=f"https://box.test/{path}")
    assert ServerSettings(public_url="https://box.test/apis").public is not None


def request(path: str, *headers: tuple[str, str], scheme: str = "http") -> dict[str, Any]:
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "scheme": scheme, "path": path, "raw_path": path.encode(), "headers": pairs}


def seen(public: str, scope: dict[str, Any]) -> tuple[bool, str, str, bytes]:
    """Whether the request was made at the public URL, its scheme, and its path with the raw one."""
    url = parse_public_url(public)
    found = below(recognized(scope, url), url)
    return is_public(found), found["scheme"], found["path"], found["raw_path"]


INNER = ("host", "127.0.0.1:7860")


def test_the_host_the_origin_or_the_path_tell_that_a_request_was_made_there() -> None:
    public = "https://agent.test/agent"
    for path, headers, expected in (
        ("/ws", [("host", "agent.test")], (True, "https", "/ws", b"/ws")),
        ("/ws", [("host", "agent.test:8443")], (True, "https", "/ws", b"/ws")),
        ("/ws", [INNER, ("origin", "https://agent.test")], (True, "https", "/ws", b"/ws")),
        ("/agent/ws", [INNER], (True, "https", "/ws", b"/ws")),
        ("/agent/", [INNER], (True, "https", "/", b"/")),
        ("/ws", [INNER], (False, "http", "/ws", b"/ws")),
        ("/agents", [INNER], (False, "http", "/agents", b"/agents")),
        ("/ws", [INNER, ("origin", "http://agent.test")], (False, "http", "/ws", b"/ws")),
        ("/ws", [INNER, ("origin", "https://evil.test")], (False, "http", "/ws", b"/ws")),
        ("/ws", [INNER, ("origin", "null")], (False, "http", "/ws", b"/ws")),
    ):
        assert seen(public, request(path, *headers)) == expected, (path, headers)
    assert seen(public, request("/ws", ("host", "agent.test"), scheme="ws"))[1] == "wss"
    assert seen("", request("/agent/ws", INNER)) == (False, "http", "/agent/ws", b"/agent/ws")


def test_on_this_machines_names_the_port_tells_servers_apart() -> None:
    public = "http://localhost:8000/proxy/7860"
    assert seen(public, request("/", ("host", "localhost:8000")))[0]
    assert not seen(public, request("/", ("host", "localhost:7860")))[0]


def test_a_path_that_is_quoted_in_the_public_url_is_cut_off_both_forms() -> None:
    public = "https://hub.test/user/ann%40x.org"
    scope = {**request("/user/ann@x.org/api/me", INNER), "raw_path": b"/user/ann%40x.org/api/me"}
    assert seen(public, scope)[2:] == ("/api/me", b"/api/me")
