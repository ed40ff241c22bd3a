"""Renewals of a login's tokens: in time, kept at a stop, and what a login is when there are no new ones."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from agent.util.tasks import TaskOwner
from protocol.frames import Synced
from tests.support.live import Client, listening
from tests.support.openid_provider import OpenIdProvider, openid_provider
from tests.support.polling import eventually
from tests.unit.server.auth.test_oauth import authenticator, browser, cookie_of, guarded, log_in


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with openid_provider() as stand_in:
        yield stand_in


async def test_provider_tokens_are_refreshed_before_they_expire(tmp_path: Path, provider: OpenIdProvider) -> None:
    provider.access_lasts_s = 100
    async with listening(guarded(tmp_path, provider, {"refresh_before_s": 200})) as live, browser(live) as http:
        await log_in(http)
        assert (await http.get("/api/me")).status_code == 200
        assert provider.requests.count("refresh_token") == 1
        assert await authenticator(live).hub_token("user-1") == provider.issued[-1]
        assert len(provider.issued) >= 2


async def test_a_renewal_that_runs_when_the_server_stops_is_stored(
    tmp_path: Path, provider: OpenIdProvider, tasks: TaskOwner
) -> None:
    provider.access_lasts_s = 100
    settings = guarded(tmp_path, provider, {"refresh_before_s": 200})
    async with listening(settings) as live, browser(live) as http:
        await log_in(http)
        provider.access_lasts_s = 3_600
        provider.answering.clear()
        tasks.start(authenticator(live).hub_token("user-1"), "use")

        async def asked() -> bool:
            return "refresh_token" in provider.requests

        await eventually(asked)
        closing = tasks.start(authenticator(live).backend.aclose(), "close")
        await asyncio.sleep(0)  # it waits now
        provider.answering.set()
        await closing
    async with listening(settings) as live:
        assert await authenticator(live).hub_token("user-1") == provider.issued[-1]
    assert provider.requests.count("refresh_token") == 1


async def test_a_login_whose_refresh_is_refused_ends_and_its_sockets_close(
    tmp_path: Path, provider: OpenIdProvider
) -> None:
    provider.access_lasts_s = 100
    async with listening(guarded(tmp_path, provider, {"refresh_before_s": 200})) as live, browser(live) as http:
        await log_in(http)
        async with connect(live.ws, additional_headers=cookie_of(http, live)) as socket:
            client = Client(socket)
            await client.until_type(Synced)
            provider.end_logins()
            assert await client.closed() == (4401, "the credentials were revoked; log in and come back")
        assert (await http.get("/api/me")).status_code == 401


async def test_an_unreachable_provider_ends_no_login(tmp_path: Path, provider: OpenIdProvider) -> None:
    provider.access_lasts_s = 100
    async with listening(guarded(tmp_path, provider, {"refresh_before_s": 200})) as live, browser(live) as http:
        await log_in(http)
        provider.down = True
        assert (await http.get("/api/me")).status_code == 200
        assert (await http.get("/api/me")).status_code == 200
        assert provider.requests.count("refresh_token") == 1, "it is not asked again at once"
