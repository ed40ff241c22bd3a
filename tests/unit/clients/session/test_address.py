"""Addresses: where a client connects."""

import pytest

from clients.session.address import base_address, http_address, is_loopback, socket_address


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://127.0.0.1:7860", "ws://127.0.0.1:7860/ws"),
        ("https://host.example/", "wss://host.example/ws"),
        ("ws://localhost:7860/ws", "ws://localhost:7860/ws"),
        ("localhost:7860", "ws://localhost:7860/ws"),
        ("https://host/space/holdfast", "wss://host/space/holdfast/ws"),
        ("http://[::1]:7860", "ws://[::1]:7860/ws"),
    ],
)
def test_a_servers_address_is_taken_as_people_write_it(url: str, base: str) -> None:
    assert base_address(url) == base


@pytest.mark.parametrize(
    "url", ["ftp://host", "http://", "", "http://u:p@host", "http://host?token=x", "http://host#x"]
)
def test_an_invalid_server_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        base_address(url)


def test_a_session_and_a_position_are_quoted() -> None:
    assert socket_address("ws://h/ws", "a/b?c", "e&f", 7) == "ws://h/ws/a%2Fb%3Fc?after=7&epoch=e%26f&final_response=no"


def test_a_session_has_an_address_over_http_too() -> None:
    assert http_address("ws://h:1/ws", "a/b") == "http://h:1/api/sessions/a%2Fb"
    assert http_address("wss://h/space/x/ws", "s") == "https://h/space/x/api/sessions/s"


@pytest.mark.parametrize(("base", "answer"), [("ws://127.0.0.2/ws", True), ("ws://[::1]:1/ws", True), ("ws://localhost/ws", True), ("ws://h/ws", False)])  # fmt: skip
def test_loopback_addresses_are_recognized(base: str, answer: bool) -> None:
    assert is_loopback(base) is answer
