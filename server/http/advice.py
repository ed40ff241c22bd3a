"""Advice: what to set where a proxy's requests are refused or its headers ignored. Told to the client, and once in the log.

What is told holds only hosts and origins that were parsed, so that no client writes into the log what it likes.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.types import Scope

from server.http.proxy_headers import FOR, HOST, PROTO
from server.util.hosts import Authority, Network, Origin, parse_origin, trusted
from server.util.refusal import HTTPRefusal
from server.util.said_once import SaidOnce

log = logging.getLogger("holdfast.access")

NAMES: Final = {FOR: "X-Forwarded-For", PROTO: "X-Forwarded-Proto", HOST: "X-Forwarded-Host"}

Headers = Iterable[tuple[bytes, bytes]]


def foreign_host(host: Authority, headers: Headers) -> HTTPRefusal:
    """The refusal of a Host that is not this server's."""
    return HTTPRefusal(
        "forbidden",
        f"the Host {host} is not this server's; behind a proxy set {_public_url(_origin_at(host, headers))}, else allow it "
        "in auth.allowed_hosts",
    )


def foreign_origin(origin: Origin) -> HTTPRefusal:
    """The refusal of a page of another origin."""
    return HTTPRefusal(
        "forbidden",
        f"pages of {origin} may not use this server; if browsers reach it there, through a proxy, set {_public_url(origin)}, "
        "else allow them in auth.allowed_origins; a program sets no Origin, or sends its token in `Authorization: Bearer`",
    )


class Advice:
    """Writes each piece of advice into the log once."""

    def __init__(self, proxies: Sequence[Network]) -> None:
        self._proxies = proxies
        self._refusals = SaidOnce()
        self._peers = SaidOnce()

    def refused(self, refusal: HTTPRefusal) -> None:
        """A request was refused for its Host or Origin."""
        if self._refusals.is_first(refusal.message):
            log.warning("refused: %s", refusal.message)

    def came(self, scope: Scope) -> None:
        """A request came, as its peer sent it: say so where a proxy's headers are ignored."""
        names = [NAMES[name] for name, _ in scope["headers"] if name in NAMES]
        client = scope.get("client")
        if not names or client is None or trusted(str(client[0]), self._proxies):
            return
        if self._peers.is_first(str(client[0])):
            log.warning(
                "%s from %s is ignored, and its clients count as one address: it is none of server.trusted_proxies. If it is "
                "your proxy, and replaces what clients write into these headers, add it there (docs/deployment.md)",
                ", ".join(sorted(set(names))),
                client[0],
            )


def _public_url(origin: Origin | str) -> str:
    return f"server.public_url to {origin} (HOLDFAST_PUBLIC_URL={origin})"


def _origin_at(host: Authority, headers: Headers) -> str:
    """The origin that a browser has there: as it says; without a word of it, https, as behind most proxies."""
    for name, value in headers:
        origin = parse_origin(value.decode("latin-1").strip()) if name.lower() == b"origin" else None
        if origin is not None and origin.host == host.host:
            return str(origin)
    return f"https://{host}"
