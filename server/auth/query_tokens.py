"""Query tokens: VS Code's connection token, which it sends in the address of a websocket and in no header. Pure."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Scope

from server.auth.credentials import host_of
from server.auth.public_requests import FORWARDED
from server.util.hosts import is_loopback

NAME: Final = "tkn"
"""Of the parameter, in every build of VS Code."""
PROXIES: Final = (b"forwarded", b"via", b"x-real-ip")
"""Headers that proxies write, besides those that are taken out of a request before (`FORWARDED`)."""


def with_query_token(scope: Scope) -> Scope:
    """The request with the token of its query as a bearer token, and without the query; as it was if it has none.

    Addresses are written down on their way, by proxies too, so only a program on this machine is heard: nothing is between.
    """
    if not _is_of_this_machine(scope):
        return scope
    try:
        query = parse_qsl(scope["query_string"].decode("ascii"), max_num_fields=16)
    except ValueError:
        return scope
    tokens = [value for name, value in query if name == NAME]
    if not tokens:
        return scope
    bearer = (b"authorization", f"Bearer {' '.join(tokens)}".encode("latin-1", "replace"))
    return {**scope, "headers": [*scope["headers"], bearer], "query_string": b""}


def _is_of_this_machine(scope: Scope) -> bool:
    """Whether a program on this machine made the request, as far as can be seen: a proxy beside the server has its address too."""
    client, host = scope.get("client"), host_of(scope)
    return (
        client is not None
        and is_loopback(str(client[0]))
        and host is not None
        and host.loopback
        and not scope.get("state", {}).get(FORWARDED)
        and not any(name in PROXIES for name, _ in scope["headers"])
    )
