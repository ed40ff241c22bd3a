"""Query tokens: whose are heard, and what becomes of the query."""

from typing import Any

import pytest

from server.auth.query_tokens import with_query_token
from server.http.proxy_headers import apply_forwarded_headers

Header = tuple[bytes, bytes]


HERE = (b"host", b"localhost:7860")


def asked(query: bytes, client: tuple[str, int] | None = ("127.0.0.1", 1), *headers: Header) -> dict[str, Any]:
    scope = {"client": client, "query_string": query, "headers": list(headers) or [HERE]}
    return with_query_token(apply_forwarded_headers(scope, []))  # type: ignore[return-value]  # a Scope


def test_a_token_in_the_query_is_one_in_the_header_and_the_query_is_gone() -> None:
    scope = asked(b"a=1&tkn=t%2Bk")
    assert scope["headers"] == [HERE, (b"authorization", b"Bearer t+k")]
    assert scope["query_string"] == b""


@pytest.mark.parametrize("client", [("192.0.2.7", 1), None])
def test_a_program_elsewhere_is_not_heard(client: tuple[str, int] | None) -> None:
    assert asked(b"tkn=token", client)["headers"] == [HERE]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"agents.example")],
        *([HERE, (name, b"192.0.2.7")] for name in (b"X-Forwarded-For", b"x-real-ip", b"forwarded", b"via")),
    ],
)
def test_a_proxy_on_this_machine_is_not_heard_since_it_writes_addresses_down(headers: list[Header]) -> None:
    assert all(name != b"authorization" for name, _ in asked(b"tkn=token", ("127.0.0.1", 1), *headers)["headers"])


@pytest.mark.parametrize("query", [b"", b"token=t", b"tkn", b"tkn=t&" + b"a=1&" * 20, b"\xff"])
def test_a_query_without_a_token_says_nothing(query: bytes) -> None:
    assert asked(query)["headers"] == [HERE]


def test_two_tokens_are_none() -> None:
    assert asked(b"tkn=a&tkn=b")["headers"][-1] == (b"authorization", b"Bearer a b")
