"""Authentication matrix: every mode, with every kind of credential, on every endpoint of the table and on websockets."""

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from server.auth.backends.api_tokens import new_token
from server.auth.principal import RIGHTS
from server.cli.tokens import token_list
from server.config.settings import Settings
from server.http.table import access_rules
from server.websocket.endpoint import WEBSOCKET_RULES
from tests.support.application import settings_for
from tests.support.hub.standin_hub import standin_hub
from tests.support.live import Live, listening
from tests.support.network.http_client import http_client

NONE = "0" * 32
METHODS = ("GET", "POST", "PUT", "DELETE")
GUARDED = [rule.path for rule in access_rules() if rule.need not in ("nothing", "optional")]
OPEN = [rule.path for rule in access_rules() if rule.need == "nothing"]
HUB_TOKEN = "hf_" + "a" * 34
WAYS = ("local", "tokens", "oauth", "bearer")


def filled(path: str) -> str:
    return path.replace("{session_id}", NONE).replace("{share_id}", "x").replace("{path:path}", "a.txt")


class Served:
    """A server with one way in; `good` is a credential of somebody with all rights."""

    def __init__(self, live: Live, good: str | None) -> None:
        self.live = live
        self.good = good


@contextlib.asynccontextmanager
async def served(way: str, data: Path) -> AsyncIterator[Served]:
    async with contextlib.AsyncExitStack() as stack:
        auth: dict[str, Any] = {"mode": way, "local_token": True}
        good = None
        if way == "bearer":
            hub = await stack.enter_async_context(standin_hub())
            hub.users = {HUB_TOKEN: "ada"}
            auth |= {"bearer": {"endpoint": hub.url}, "admins": ["id-ada"]}
            good = HUB_TOKEN
        elif way == "oauth":
            auth |= {"oauth": {"client_id": "us", "client_secret": "s", "provider_url": "http://127.0.0.1:1"}}
        settings = settings_for(data, auth=auth)
        if way in ("tokens", "oauth"):
            good = add(settings)
        live = await stack.enter_async_context(listening(settings))
        if way == "local":
            good = next(data.rglob("token")).read_text().strip()  # of two servers each has one, the same
        yield Served(live, good)


def add(settings: Settings, *, expires_at: float | None = None, user: str = "ada") -> str:
    kept, secret = new_token(user, list(RIGHTS), time.time(), expires_at)
    with token_list(settings) as tokens:
        tokens.add(kept)
    return secret


async def statuses(live: Live, headers: dict[str, str]) -> dict[tuple[str, str], int]:
    """Of every guarded route with every method, and of both sockets."""
    found: dict[tuple[str, str], int] = {}
    async with aiohttp.ClientSession(
        live.http, headers=headers
    ) as http:  # thousands of requests; httpx takes twice the time
        for path in GUARDED:
            for method in METHODS:
                async with http.request(method, filled(path)) as answer:
                    found[method, path] = answer.status
    for rule in WEBSOCKET_RULES:
        try:
            async with connect(f"{live.http.replace('http', 'ws')}{filled(rule.path)}", additional_headers=headers):
                found["WEBSOCKET", rule.path] = 101
        except InvalidStatus as refused:
            found["WEBSOCKET", rule.path] = refused.response.status_code
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer hft_" + "x" * 43},
        {"Authorization": "Basic YWRhOmFkYQ=="},
        {"Authorization": "Bearer"},
        {"Cookie": "holdfast=wrong; __Host-holdfast=wrong"},
    ],
    ids=["none", "wrong", "unknown token", "basic", "empty", "wrong cookie"],
)
async def test_without_valid_credentials_every_protected_endpoint_answers_401_or_429(
    tmp_path: Path, way: str, headers: dict[str, str]
) -> None:
    async with served(way, tmp_path) as here:
        found = await statuses(here.live, headers)
    assert set(found.values()) <= {401, 429}, {key: status for key, status in found.items() if status not in (401, 429)}


@pytest.mark.parametrize("way", WAYS)
async def test_with_valid_credentials_no_endpoint_answers_401_or_403(tmp_path: Path, way: str) -> None:
    async with served(way, tmp_path) as here:
        found = await statuses(here.live, {"Authorization": f"Bearer {here.good}"})
        assert not set(found.values()) & {401, 403, 500}, found
        assert found["WEBSOCKET", "/ws"] == 101
        assert found["WEBSOCKET", "/ws/{session_id}"] == 404


async def test_expired_and_revoked_tokens_count_as_no_credentials(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, auth={"mode": "tokens"})
    expired = add(settings, expires_at=time.time() - 1)
    revoked = add(settings)
    async with listening(settings) as live:
        with token_list(settings) as tokens:
            for token in tokens.all():
                if token.expires_at is None:
                    tokens.revoke(token.id)
        for secret in (expired, revoked):
            found = await statuses(live, {"Authorization": f"Bearer {secret}"})
            assert set(found.values()) <= {401, 429}, found


@pytest.mark.parametrize("path", OPEN)
async def test_public_endpoints_answer_without_credentials(tmp_path: Path, path: str) -> None:
    async with served("tokens", tmp_path) as here:
        async with http_client(here.live.http) as http:
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                assert (await http.get(filled(path), headers=headers)).status_code not in (401, 403, 429, 500)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
async def test_the_upgrade_with_another_method_makes_no_socket(tmp_path: Path, method: str) -> None:
    async with served("tokens", tmp_path) as here:
        headers = {
            "Authorization": f"Bearer {here.good}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
        }
        async with http_client(here.live.http) as http:
            answer = await http.request(method, "/ws", headers=headers)
            listed = await http.get("/api/sessions", headers={"Authorization": f"Bearer {here.good}"})
        assert 400 <= answer.status_code < 500
        assert listed.json()["sessions"] == []
