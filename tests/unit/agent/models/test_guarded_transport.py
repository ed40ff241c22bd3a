"""Guarded transport: tests of `agent.models.guarded_transport`: model calls reach no address that nobody configured."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from agent.models import ModelError, ModelRequest, Models, ModelSettings
from agent.models.bases import AddressRefused, Base, base_of
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


async def fault(name: str, base: str, bases: frozenset[Base], named: tuple[str, ...] = ("azure/x",)) -> ModelError:
    """The error of a call of this model at this base, where the operator configured `bases`."""
    settings = ModelSettings(api_base=base, api_key="k", max_retries=0, first_token_timeout_s=5)
    models = Models(settings, bases=bases, named=named)

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
@pytest.mark.parametrize(
    "name", ["openai/x", "hosted_vllm/x", "anthropic/claude-x", "azure/x", "gemini/x", "huggingface/x/y"]
)
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


@pytest.mark.parametrize("name", ["bedrock/x", "vertex_ai/x", "ai21.j2-mid-v1"])
async def test_a_provider_with_requests_of_its_own_is_not_called_if_the_operator_did_not_name_it(name: str) -> None:
    async with serving() as server:
        error = await fault(name, server.base(), frozenset({Base("127.0.0.1", server.port)}))
        assert server.requests == 0
    assert error.code == "model_bad_request" and "operator named" in error.message


def sent(addresses: list[str], failing: tuple[str, ...] = ()) -> list[httpx.Request]:
    """The requests that a request to `models.example` makes, whose name leads to these addresses."""
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if request.url.host in failing:
            raise httpx.ConnectError("no route")
        return httpx.Response(200)

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        assert (host, port) == ("models.example", 443)
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    from agent.models.guarded_transport import GuardedSyncTransport  # after the settings of `litellm_provider`

    transport = GuardedSyncTransport(httpx.MockTransport(handle), look_up)
    with httpx.Client(transport=transport) as client, contextlib.suppress(AddressRefused):
        client.get("https://models.example/x")
    return requests


def test_what_prepares_a_call_goes_to_the_address_that_was_checked() -> None:
    (request,) = sent(["93.184.216.34", "93.184.216.35"])
    assert str(request.url) == "https://93.184.216.34/x"
    assert request.headers["host"] == "models.example" and request.extensions["sni_hostname"] == "models.example"


def test_what_prepares_a_call_goes_to_the_next_address_if_one_takes_no_connection() -> None:
    requests = sent(["93.184.216.34", "93.184.216.35"], failing=("93.184.216.34",))
    assert [request.url.host for request in requests] == ["93.184.216.34", "93.184.216.35"]


def test_what_prepares_a_call_is_not_sent_if_one_address_is_private() -> None:
    assert sent(["93.184.216.34", "10.0.0.1"]) == []


async def test_the_description_of_a_model_of_the_router_is_read_through_the_check() -> None:
    from litellm.llms.huggingface import common_utils as huggingface

    async with serving() as server:
        with pytest.raises(AddressRefused):
            await asyncio.to_thread(huggingface.httpx.get, server.base())
        assert server.requests == 0
