"""Users: of a server in the mode `tokens`, each with an API token, over HTTP and over sockets."""

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from protocol import SUBPROTOCOL_JSON
from server.auth.backends.api_tokens import new_token
from server.auth.principal import Right
from server.cli.tokens import token_list
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.live import Client, Live, listening
from tests.support.models.scripted_model import ScriptedModel
from tests.support.network.http_client import http_client

RIGHTS: dict[str, list[Right]] = {"alice": ["sessions"], "bob": ["sessions"], "root": ["sessions", "metrics", "admin"]}


class Users:
    """A listening server and its users, by name."""

    def __init__(self, live: Live, settings: Settings, secrets: dict[str, str]) -> None:
        self.live = live
        self.settings = settings
        self._secrets = secrets

    def headers(self, who: str) -> dict[str, str]:
        """`who`: a user, or the secret of a link."""
        return {"Authorization": f"Bearer {self._secrets.get(who, who)}"}

    @contextlib.asynccontextmanager
    async def http(self, who: str) -> AsyncIterator[httpx.AsyncClient]:
        """An HTTP client that is this user."""
        async with http_client(self.live.http, headers=self.headers(who)) as http:
            yield http

    @contextlib.asynccontextmanager
    async def socket(self, who: str, session_id: str = "", **changes: Any) -> AsyncIterator[Client]:
        """A socket that is this user's."""
        path = f"/{session_id}" if session_id else ""
        async with connect(
            f"{self.live.ws}{path}",
            subprotocols=[SUBPROTOCOL_JSON],  # type: ignore[list-item]  # a NewType of str
            additional_headers=self.headers(who),
            compression=None,
            **changes,
        ) as socket:
            yield await Client(socket).synced()

    def revoke(self, who: str) -> None:
        """As `holdfast token revoke` does."""
        with token_list(self.settings) as tokens:
            for token in tokens.all():
                if token.user == who:
                    tokens.revoke(token.id)


@contextlib.asynccontextmanager
async def users(data: Path, model: ScriptedModel | None = None, **groups: Any) -> AsyncIterator[Users]:
    """A server with the users of `RIGHTS`."""
    auth = {"mode": "tokens", "recheck_s": 0.05, **groups.pop("auth", {})}
    settings = settings_for(data, model, auth=auth, **groups)
    secrets: dict[str, str] = {}
    with token_list(settings) as tokens:
        for user, rights in RIGHTS.items():
            token, secrets[user] = new_token(user, rights, now=time.time())
            tokens.add(token)
    async with listening(settings) as live:
        yield Users(live, settings, secrets)
