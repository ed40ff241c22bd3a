"""Guarded transport: tests of `agent.models.guarded_transport`: model calls reach no address that nobody configured."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.models import ModelError, ModelRequest, Models, ModelSettings
from agent.models.bases import Base, base_of
from agent.models.providers import ASYNC

REDIRECT = "HTTP/1.1 {status} Moved\r\nlocation: {to}\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret"
FAULT = b"HTTP/1.1 500 Fault\r\ncontent-type: text/plain\r\ncontent-length: 8\r\nconnection: close\r\n\r\ninternal"


class Server:
    """Counts requests and gives each the same answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests = 0
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    def base(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/v1"


@asynccontextmanager
async def serving(answer: bytes = FAULT) -> AsyncIterator[Server]:
    server = Server(answer)
    async with await asyncio.start_server(server.handle, "127.0.0.1", 0) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


async def fault(name: str, base: str, bases: frozenset[Base]) -> ModelError:
    """The error of a call of this model at this base, where the operator configured `bases`."""
    models = Models(ModelSettings(api_base=base, api_key="k", max_retries=0, first_token_timeout_s=5), bases=bases)

    async def sink(kind: str, text: str) -> None:
        raise AssertionError("it answered")

    try:
        await models.call(ModelRequest(name, [{"role": "user", "content": "hello"}], []), sink)
    except ModelError as error:
        return error
    finally:
        await models.aclose()
    raise AssertionError("the call succeeded")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("name", ["openai/x", "hosted_vllm/x", "anthropic/claude-x", "azure/x", "gemini/x"])
async def test_an_address_that_no_operator_configured_is_not_reached(name: str, host: str) -> None:
    async with serving() as server:
        error = await fault(name, server.base(host), frozenset())
        assert server.requests == 0
    assert error.code == "model_bad_request"
    assert "private address" in error.message and not error.retryable


@pytest.mark.timeout(120)
async def test_no_provider_reaches_an_address_that_no_operator_configured() -> None:
    async with serving() as server:
        names = [f"{provider}/chat/agent/some-model" for provider in ASYNC]
        await asyncio.gather(*(fault(name, server.base(), frozenset()) for name in names))
        assert server.requests == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_that_the_operator_configured_is_reached(host: str) -> None:
    async with serving() as server:
        base = base_of(server.base(host))
        assert base is not None
        error = await fault("openai/x", server.base(host), frozenset({base}))
        assert server.requests == 1
    assert "internal" in error.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", ["openai/x", "hosted_vllm/x"])
async def test_a_redirect_to_another_host_is_not_followed_and_its_body_not_shown(name: str, status: int) -> None:
    async with serving() as other:
        async with serving(REDIRECT.format(status=status, to=other.base() + "/x").encode()) as server:
            bases = frozenset(base for one in (server, other) if (base := base_of(one.base())) is not None)
            error = await fault(name, server.base(), bases)
            assert (server.requests, other.requests) == (1, 0)
    assert "redirects to another host" in error.message
    assert "secret" not in error.message and "internal" not in error.message


async def test_a_stored_name_with_an_address_is_not_called() -> None:
    async with serving() as server:
        error = await fault(f"oobabooga/{server.base()}", "", frozenset({Base("127.0.0.1", server.port)}))
        assert server.requests == 0
    assert error.code == "model_bad_request" and "address" in error.message
