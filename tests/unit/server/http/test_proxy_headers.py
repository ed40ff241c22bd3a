"""Proxy headers: accepted from listed proxies, hop by hop, and from no other address."""

from typing import Any

import pytest

from server.http.proxy_headers import BadForwardedHeader, apply_forwarded_headers
from server.util.hosts import Network, parse_network

PROXIES: list[Network] = [network for text in ("10.0.0.0/8", "fd00::/8") if (network := parse_network(text))]


def seen(*headers: tuple[str, str], peer: str = "10.0.0.1", type: str = "http") -> dict[str, Any]:
    """The client, scheme and Host that the access middleware uses, for a request that came from `peer` with these headers."""
    pairs = [(b"host", b"inner:80"), *((name.encode(), value.encode("latin-1")) for name, value in headers)]
    scope: dict[str, Any] = {"type": type, "scheme": {"http": "http", "websocket": "ws"}[type], "headers": pairs}
    found = apply_forwarded_headers({**scope, "client": (peer, 1234)}, PROXIES)
    assert not [name for name, _ in found["headers"] if name.startswith(b"x-forwarded")], "nobody reads them later"
    hosts = [value.decode() for name, value in found["headers"] if name == b"host"]
    assert len(hosts) == 1
    return {"client": found["client"][0], "scheme": found["scheme"], "host": hosts[0]}


HEADERS = (
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "box.example"),
)


def test_a_trusted_proxys_headers_are_used_for_http_and_websocket() -> None:
    assert seen(*HEADERS) == {"client": "203.0.113.9", "scheme": "https", "host": "box.example"}
    assert seen(*HEADERS, peer="fd00::7", type="websocket")["scheme"] == "wss"
    assert seen(*HEADERS, peer="::ffff:10.0.0.1")["client"] == "203.0.113.9"
    assert seen(("X-Forwarded-Proto", "http"), type="websocket")["scheme"] == "ws"


@pytest.mark.parametrize("peer", ["203.0.113.1", "127.0.0.1", "::1", "11.0.0.1", "fe80::1", ""])
def test_headers_of_an_untrusted_address_are_ignored(peer: str) -> None:
    assert seen(*HEADERS, peer=peer) == {"client": peer, "scheme": "http", "host": "inner:80"}


def test_the_client_is_the_last_hop_that_is_not_a_trusted_proxy() -> None:
    for hops, client in (
        ("1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("nonsense, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("2001:db8::1", "2001:db8::1"),
    ):
        assert seen(("X-Forwarded-For", hops))["client"] == client, hops
    assert seen(("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "203.0.113.9"))["client"] == "203.0.113.9"


def test_of_several_forwarded_values_the_nearest_proxys_counts() -> None:
    found = seen(("X-Forwarded-Proto", "https, http"), ("X-Forwarded-Host", "evil.example, box.example"))
    assert (found["scheme"], found["host"]) == ("http", "box.example")


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-Proto", "gopher")],
        [("X-Forwarded-Proto", "")],
        [("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https")],
        [("X-Forwarded-Host", "a.example"), ("x-forwarded-host", "b.example")],
        [("X-Forwarded-For", "203.0.113.9, nonsense")],
        [("X-Forwarded-For", "")],
        [("X-Forwarded-For", "203.0.113.9:1234")],
    ],
)
def test_malformed_headers_of_a_trusted_proxy_are_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(BadForwardedHeader, match="the proxy"):
        seen(*headers)
    seen(*headers, peer="203.0.113.1")
