"""Token identity: whatever a Hub answers, or does not, it is told as a refused token or as a Hub that is not there."""

import asyncio

import pytest

from agent.hub.identity import HubUnreachable, TokenRejected, whoami
from tests.support.network.ports import free_port

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", HubUnreachable),
        (b"no HTTP at all\r\n\r\n", HubUnreachable),
        (OK + b"<html>", HubUnreachable),
        (OK + b"\xff", HubUnreachable),
        (OK + b"[]", HubUnreachable),
        (OK.replace(b"OK", b"OK\r\nContent-Length: 9"), HubUnreachable),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[x\r\nContent-Length: 0\r\n\r\n", HubUnreachable),
        (b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n", HubUnreachable),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", TokenRejected),
        (OK + b'{"type": "org", "id": "1", "name": "n"}', TokenRejected),
    ],
)
async def test_an_answer_that_names_no_user_is_told(answer: bytes, error: type[Exception]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(error) as told:
            await asyncio.to_thread(whoami, "hf_secret", f"http://127.0.0.1:{port}", 5.0)
    assert "hf_secret" not in str(told.value)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:{free}", "http://[x", "http://127.0.0.1:99999999"])
def test_an_address_where_nothing_is_is_told(endpoint: str) -> None:
    with pytest.raises(HubUnreachable):
        whoami("hf_secret", endpoint.format(free=free_port()), 5.0)
