"""Query tokens: whose are heard, and what becomes of the query."""

from typing import Any

import pytest

from server.auth.query_tokens import with_query_token


def asked(query: bytes, client: tuple[str, int] | None = ("127.0.0.1", 1)) -> dict[str, Any]:
    return with_query_token({"client": client, "query_string": query, "headers": [(b"host", b"x")]})  # type: ignore[return-value]  # a Scope


def test_a_token_in_the_query_is_one_in_the_header_and_the_query_is_gone() -> None:
    scope = asked(b"a=1&tkn=t%2Bk")
    assert scope["headers"] == [(b"host", b"x"), (b"authorization", b"Bearer t+k")]
    assert scope["query_string"] == b""


@pytest.mark.parametrize("client", [("192.0.2.7", 1), None])
def test_a_program_elsewhere_is_not_heard(client: tuple[str, int] | None) -> None:
    assert asked(b"tkn=token", client)["headers"] == [(b"host", b"x")]


@pytest.mark.parametrize("query", [b"", b"token=t", b"tkn", b"tkn=t&" + b"a=1&" * 20, b"\xff"])
def test_a_query_without_a_token_says_nothing(query: bytes) -> None:
    assert asked(query)["headers"] == [(b"host", b"x")]


def test_two_tokens_are_none() -> None:
    assert asked(b"tkn=a&tkn=b")["headers"][-1] == (b"authorization", b"Bearer a b")
