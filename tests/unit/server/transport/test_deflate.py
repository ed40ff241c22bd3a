"""Deflate: the answer to an upgrade has no parameter that was not offered, and messages arrive whole whatever was."""

import asyncio

import pytest
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension

from server.transport.deflate import DEFLATE
from tests.unit.server.serving import WAIT_S, app_of, serving, settings_for

NHOOYR = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
OFFERS = [
    "permessage-deflate",
    NHOOYR,
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; server_max_window_bits=15",
    "permessage-deflate; client_max_window_bits=15; server_max_window_bits=10; server_no_context_takeover",
]
TEXT = b"Nothing is lost, and nothing is said twice. " * 2_000


@pytest.mark.parametrize("offer", OFFERS)
def test_only_what_was_offered_is_answered_and_a_client_reads_it(offer: str) -> None:
    ((_, offered),) = parse_extension(offer)
    answer, server = DEFLATE.process_request_params(offered, [])
    assert {name for name, _ in answer} <= {name for name, _ in offered}
    agreed = dict(answer)
    client = PerMessageDeflate(
        remote_no_context_takeover="server_no_context_takeover" in agreed,
        local_no_context_takeover="client_no_context_takeover" in agreed,
        remote_max_window_bits=int(agreed.get("server_max_window_bits") or 15),
        local_max_window_bits=int(agreed.get("client_max_window_bits") or 15),
    )
    for _ in range(3):
        assert client.decode(server.encode(Frame(Opcode.TEXT, TEXT))).data == TEXT
        assert server.decode(client.encode(Frame(Opcode.TEXT, TEXT))).data == TEXT


async def silent(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive()


async def test_the_upgrade_of_gos_nhooyr_is_answered_with_what_it_offers() -> None:
    settings = settings_for(permessage_deflate=True)
    async with serving(app_of([WebSocketRoute("/ws", silent)], settings), settings) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nUser-Agent: Go-http-client/1.1\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: {NHOOYR}\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
        writer.close()
    (line,) = [line for line in head.decode().split("\r\n") if line.lower().startswith("sec-websocket-extensions:")]
    ((_, answered),) = parse_extension(line.partition(":")[2].strip())
    ((_, offered),) = parse_extension(NHOOYR)
    assert sorted(answered) == sorted(offered)
