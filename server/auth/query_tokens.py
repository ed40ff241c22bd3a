"""Query tokens: VS Code's connection token, which it sends in the address of a websocket and in no header. Pure."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Scope

from server.util.hosts import is_loopback

NAME: Final = "tkn"
"""Of the parameter, in every build of VS Code."""


def with_query_token(scope: Scope) -> Scope:
    """The request with the token of its query as a bearer token, and without the query; as it was if it has none.

    Addresses are written down on their way, by proxies too, so only a program on this machine is heard: nothing is between.
    """
    client = scope.get("client")
    if client is None or not is_loopback(str(client[0])):
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
