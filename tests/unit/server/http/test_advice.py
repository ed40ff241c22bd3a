"""Advice: what a refusal by Host or Origin, or a proxy's header that is ignored, says, to the client and once in the log."""

import logging
from typing import Any

import msgspec
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from server.config.server import ServerSettings
from server.http.middleware import AccessMiddleware
from server.util.said_once import VALUES_MAX
from tests.unit.server.serving import RULES, everybody, settings_for

HOST = "behind a proxy set server.public_url to {0} (HOLDFAST_PUBLIC_URL={0}), else allow it in auth.allowed_hosts"


class Guarded:
    """A server behind the access middleware, and what it answers."""

    def __init__(self, **server: Any) -> None:
        settings = msgspec.structs.replace(settings_for(), server=ServerSettings(port=0, **server))
        self._guard = AccessMiddleware(PlainTextResponse("ok"), settings, RULES, everybody)

    async def get(self, *headers: tuple[str, str], peer: str = "127.0.0.1") -> str:
        """The body of the answer to a request with these headers."""
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
        scope = {
            "type": "http", "method": "GET", "scheme": "http", "path": "/", "headers": pairs, "client": (peer, 1), "extensions": {},
        }  # fmt: skip
        body = b""

        async def send(message: Message) -> None:
            nonlocal body
            body += message.get("body", b"")

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self._guard(scope, receive, send)
        return body.decode()


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


async def test_a_foreign_host_is_told_the_very_line_to_set(caplog: pytest.LogCaptureFixture) -> None:
    guarded = Guarded()
    for headers, value in (
        ([("Host", "agent.test")], "https://agent.test"),
        ([("Host", "Agent.Test:8443")], "https://agent.test:8443"),
        ([("Host", "box.lan:8080"), ("Origin", "http://box.lan:8080")], "http://box.lan:8080"),
        ([("Host", "[2001:db8::1]:80")], "https://[2001:db8::1]:80"),
    ):
        for _ in range(2):
            assert HOST.format(value) in await guarded.get(*headers)
        assert len([line for line in warned(caplog) if HOST.format(value) in line]) == 1, "once"


async def test_a_foreign_origin_is_told_the_very_line_to_set_where_a_proxy_wrote_the_host(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guarded = Guarded()
    for _ in range(2):
        said = await guarded.get(("Host", "127.0.0.1:7860"), ("Origin", "https://agent.test"))
        assert "set server.public_url to https://agent.test (HOLDFAST_PUBLIC_URL=https://agent.test)" in said
    assert len(warned(caplog)) == 1 and "HOLDFAST_PUBLIC_URL=https://agent.test" in warned(caplog)[0]
    set_so = Guarded(public_url="https://agent.test")
    assert await set_so.get(("Host", "127.0.0.1:7860"), ("Origin", "https://agent.test")) == "ok"


async def test_who_makes_up_many_hosts_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    guarded = Guarded()
    for number in range(2 * VALUES_MAX):
        await guarded.get(("Host", f"a{number}.example"))
    assert len(warned(caplog)) == VALUES_MAX


async def test_headers_of_a_proxy_that_is_not_trusted_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    headers = [("Host", "localhost"), ("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-Proto", "https")]
    ignoring = Guarded()
    for peer in ("10.0.0.7", "10.0.0.7", "10.0.0.8"):
        assert await ignoring.get(*headers, peer=peer) == "ok"
    first, second = warned(caplog)
    assert first.startswith("X-Forwarded-For, X-Forwarded-Proto from 10.0.0.7 is ignored")
    assert "10.0.0.8" in second and "server.trusted_proxies" in second
    caplog.clear()
    await Guarded(trusted_proxies=["10.0.0.7"]).get(*headers, peer="10.0.0.7")
    await Guarded().get(("Host", "localhost"), peer="10.0.0.7")
    assert warned(caplog) == []
