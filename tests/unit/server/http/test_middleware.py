"""Middleware: which Host, Origin and credentials are accepted, over HTTP and over websockets."""

import asyncio
import logging

import pytest
import websockets
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.typing import Origin as OriginHeader

from server.config.auth import AuthSettings
from server.http.middleware import AccessMiddleware, check_host, check_origin
from server.transport.listeners import refuse_binding
from server.util.hosts import Authority, Origin, parse_authority, parse_origin
from server.util.refusal import HTTPRefusal
from tests.unit.server.serving import RULES, app_of, everybody, serving, settings_for

HERE = Authority("localhost", 7860)


def headers(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in pairs]


def refused(decision: object) -> bool:
    if isinstance(decision, HTTPRefusal):
        assert (decision.status, decision.code) == (403, "forbidden")
        assert decision.message
        return True
    return False


@pytest.mark.parametrize(
    "value",
    [
        "localhost",
        "localhost:7860",
        "LocalHost:1",
        "localhost.:80",
        "127.0.0.1",
        "127.0.0.1:65535",
        "127.8.9.10",
        "[::1]",
        "[::1]:7860",
        "[0:0:0:0:0:0:0:1]:80",
        "[::ffff:127.0.0.1]:80",
        "::1",
        "::1:7860",
        "0:0:0:0:0:0:0:1:7860",
        "::ffff:127.0.0.1:80",
    ],
)
def test_a_loopback_host_is_accepted_on_any_port(value: str) -> None:
    assert isinstance(check_host(headers(("Host", value)), []), Authority)


@pytest.mark.parametrize(
    "value",
    [
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "127.0.0.1@example.com",
        "example.com@127.0.0.1",
        "10.0.0.1:7860",
        "0.0.0.0",
        "[::]",
        "::",
        "::2:7860",
        "::1:99999",
        "::1:",
        "::1%lo:80",
        "1::1::1:80",
        "[::1",
        "[::1]x",
        "[fe80::1%25lo]",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "localhost:",
        "localhost:0",
        "localhost:99999",
        "localhost:8o",
        "localhost, localhost",
        "localhost/",
        "http://localhost",
        "",
        " ",
        "*",
        "..",
        "l\xf6calhost",
        "a" * 5_000,
    ],
)
def test_any_other_host_is_refused(value: str) -> None:
    assert refused(check_host(headers(("Host", value)), []))


def test_a_missing_or_doubled_host_is_refused() -> None:
    assert refused(check_host([], []))
    assert refused(check_host(headers(("host", "localhost"), ("HOST", "localhost")), []))


def test_an_allowed_host_is_accepted_in_any_case_and_on_its_port() -> None:
    allowed = ["Box.Lan", "other.lan:8080", "[fd00::1]"]
    for value in ("box.lan", "BOX.LAN:99", "box.lan.", "other.lan:8080", "[FD00:0::1]:5"):
        assert isinstance(check_host(headers(("host", value)), allowed), Authority), value
    for value in ("other.lan", "other.lan:8081", "xbox.lan", "box.lan.x"):
        assert refused(check_host(headers(("host", value)), allowed)), value


def test_an_allowed_address_is_accepted_without_brackets_too() -> None:
    allowed = ["[fd00::5]:7860", "[fd00::6]"]
    for value in ("fd00::5:7860", "fd00::6:1", "fd00::6", "FD00:0::6:7860"):
        assert isinstance(check_host(headers(("host", value)), allowed), Authority), value
    for value in ("fd00::5:7861", "fd00::7:7860"):
        assert refused(check_host(headers(("host", value)), allowed)), value


EVIL = ("origin", "http://evil.example")


def test_the_origin_of_a_websocket_with_a_token_is_not_judged() -> None:
    token = ("authorization", "bearer a-token")
    for scheme in ("ws", "wss"):
        assert check_origin(headers(EVIL, token), scheme, HERE, []) is None
        assert check_origin(headers(("origin", "null"), token), scheme, HERE, []) is None


@pytest.mark.parametrize("value", ["Basic YTpi", "", "Bearer", "Digest x", "a-token"])
def test_what_a_page_could_make_a_browser_send_lets_no_origin_pass(value: str) -> None:
    assert refused(check_origin(headers(EVIL, ("authorization", value)), "ws", HERE, []))


def test_the_origin_of_a_request_without_upgrade_is_judged_with_a_token_too() -> None:
    assert refused(check_origin(headers(EVIL, ("authorization", "Bearer a-token")), "http", HERE, []))


@pytest.mark.parametrize("values", [[EVIL], [("origin", "null")], [EVIL, EVIL]])
def test_each_refusal_of_an_origin_says_what_a_program_can_do(values: list[tuple[str, str]]) -> None:
    refusal = check_origin(headers(*values), "ws", HERE, [])
    assert refusal is not None and "Authorization: Bearer" in refusal.message


def test_a_request_without_an_origin_is_accepted() -> None:
    assert check_origin([], "ws", HERE, []) is None


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("origin", ["http://localhost:7860", "HTTP://LOCALHOST:7860", "http://localhost.:7860"])
def test_the_servers_own_origin_is_accepted(scheme: str, origin: str) -> None:
    assert check_origin(headers(("origin", origin)), scheme, HERE, []) is None


def test_an_origin_without_a_port_has_the_default_port() -> None:
    assert check_origin(headers(("origin", "http://localhost")), "ws", Authority("localhost", None), []) is None
    assert check_origin(headers(("origin", "https://localhost")), "wss", Authority("localhost", None), []) is None
    assert check_origin(headers(("origin", "http://localhost:80")), "ws", Authority("localhost", None), []) is None
    assert check_origin(headers(("origin", "http://[::1]:7860")), "ws", Authority("::1", 7860), []) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://localhost:7860",
        "http://localhost:7861",
        "http://localhost",
        "http://127.0.0.1:7860",
        "http://evil.example",
        "http://localhost:7860.evil.example",
        "http://localhost:7860@evil.example",
        "http://localhost:7860/",
        "http://localhost:7860 http://evil.example",
        "ws://localhost:7860",
        "file://",
        "chrome-extension://abc",
        "localhost:7860",
    ],
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    assert refused(check_origin(headers(("origin", origin)), "ws", HERE, []))


def test_two_origins_are_refused_even_if_both_are_allowed() -> None:
    both = headers(("origin", "http://localhost:7860"), ("Origin", "http://localhost:7860"))
    assert refused(check_origin(both, "ws", HERE, []))


def test_an_allowed_origin_must_match_exactly() -> None:
    allowed = ["https://app.example", "http://localhost:3000"]
    for origin in ("https://app.example", "https://APP.example:443", "http://localhost:3000"):
        assert check_origin(headers(("origin", origin)), "ws", HERE, allowed) is None, origin
    for origin in ("http://app.example", "https://app.example:444", "https://x.app.example"):
        assert refused(check_origin(headers(("origin", origin)), "ws", HERE, allowed)), origin


def test_local_mode_listens_on_loopback_alone() -> None:
    for address in ("127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"):
        assert refuse_binding(address, [address], AuthSettings()) is None
    for address in ("0.0.0.0", "::", "192.168.1.5", "fe80::1%eth0"):
        why = refuse_binding(address, [address], AuthSettings())
        assert why is not None and "local mode" in why and "--host" in why
    why = refuse_binding("box", ["127.0.0.1", "10.0.0.7"], AuthSettings())
    assert why is not None and "10.0.0.7" in why


def test_host_names_are_normalized() -> None:
    assert parse_authority("BOX.lan.:080") == Authority("box.lan", 80)
    assert parse_origin("HTTPS://[0:0::1]") == Origin("https", "::1", 443)
    assert str(parse_origin("HTTPS://[0:0::1]:443")) == "https://[::1]"
    assert str(parse_origin("http://box:8080")) == "http://box:8080"


def test_a_list_entry_that_could_never_match_is_refused() -> None:
    with pytest.raises(ValueError, match="is no host name"):
        AuthSettings(allowed_hosts=["http://x"])
    with pytest.raises(ValueError, match="is no origin"):
        AuthSettings(allowed_origins=["x.example"])


async def who(request: Request) -> JSONResponse:
    return JSONResponse({"user_id": request.state.principal.user_id})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.scope["state"]["principal"].user_id)
    await websocket.close()


ROUTES = [Route("/api/me", who), WebSocketRoute("/ws", socket)]


async def raw(port: int, *lines: str) -> str:
    """The answer to a request written by hand."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def test_http_and_websockets_are_checked_alike(caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_for()
    with caplog.at_level(logging.WARNING):
        async with serving(app_of(ROUTES, settings), settings) as running:
            port = running.port
            good, bad = OriginHeader(f"http://localhost:{port}"), OriginHeader("http://evil.example")
            assert '{"user_id":"local"}' in await raw(
                port, "GET /api/me HTTP/1.1", f"Host: localhost:{port}", f"Origin: {good}"
            )
            for lines in (["Host: evil.example"], [f"Host: localhost:{port}", f"Origin: {bad}"]):
                answer = await raw(port, "GET / HTTP/1.1", *lines)
                assert answer.startswith("HTTP/1.1 403") and '"code":"forbidden"' in answer
                assert "server: uvicorn" not in answer.lower()
            assert (await raw(port, "GET / HTTP/1.1", "Host: localhost", "Host: localhost")).startswith("HTTP/1.1 400")
            assert (await raw(port, "GET / HTTP/1.0")).startswith("HTTP/1.1 403")

            for origin in (None, good):
                async with websockets.connect(f"ws://localhost:{port}/ws", origin=origin) as client:
                    assert await client.recv() == "local"
            with pytest.raises(websockets.InvalidStatus) as denied:
                await websockets.connect(f"ws://localhost:{port}/ws", origin=bad)
            assert denied.value.response.status_code == 403
            assert b'"code":"forbidden"' in denied.value.response.body
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("Invalid HTTP request received.") == 1, "of two Host headers"
    refusals = [message for message in messages if message.startswith("refused: ")]
    assert len(refusals) == len(messages) - 1 and len(set(refusals)) == len(refusals), "once each"


@pytest.mark.parametrize("host", ["::1:{port}", "::1", "[::1]:{port}", "0:0:0:0:0:0:0:1:{port}"])
async def test_a_program_that_writes_an_address_without_brackets_and_an_origin_gets_in(host: str) -> None:
    settings = settings_for()
    async with serving(app_of(ROUTES, settings), settings) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: {host.format(port=running.port)}",
            "Origin: http://localhost/",  # as in the examples of Go's x/net
            "Authorization: Bearer a-token",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 101")
        writer.close()


async def test_without_denial_responses_the_websocket_is_closed() -> None:
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    guard = AccessMiddleware(app_of(ROUTES, settings_for()), settings_for(), RULES, everybody)
    await guard({"type": "websocket", "scheme": "ws", "path": "/ws", "headers": []}, None, send)  # type: ignore[arg-type]  # never read
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "forbidden"}]
