"""Listed limit: a server that gives no list of its models is passed over, whatever it does instead."""

import asyncio

import pytest

from agent.models import Models, ModelSettings
from tests.support.network.ports import free_port

MODEL = "openai/m"


async def limit_of(base: str, caplog: pytest.LogCaptureFixture) -> int:
    """The context limit of the model after its server was asked."""
    models = Models(ModelSettings(api_base=base), configured=MODEL)
    await models.load()
    assert models._provider is not None
    models._list(models._provider, MODEL)
    async with asyncio.timeout(30):
        while not models.settled:
            await asyncio.sleep(0)
    await models.aclose()
    assert not [one for one in caplog.records if one.levelname == "ERROR"], "it is no fault of ours"
    return models.info(MODEL).context_limit


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 307 Elsewhere\r\nLocation: http://[x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_list_leaves_the_default(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        base = "http://127.0.0.1:{1}/v1".format(*server.sockets[0].getsockname())
        assert await limit_of(base, caplog) == ModelSettings().default_context_limit


@pytest.mark.parametrize("base", ["http://127.0.0.1:{free}/v1", "http://127.0.0.1:99999999/v1", "http://[x/v1"])
async def test_an_address_where_nothing_is_leaves_the_default(base: str, caplog: pytest.LogCaptureFixture) -> None:
    assert await limit_of(base.format(free=free_port()), caplog) == ModelSettings().default_context_limit
