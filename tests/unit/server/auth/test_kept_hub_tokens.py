"""Kept Hub tokens: what a user showed at one server the others have, encrypted, until the Hub rejects it."""

from pathlib import Path

import psycopg

from server.auth.authenticator import Authenticator
from tests.support.hub.standin_hub import standin_hub
from tests.support.live import Live
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.server.auth.test_hf_tokens import ADA
from tests.unit.server.sessions.nodes.two import two

NEWER = "hf_" + "n" * 34


def authenticator(live: Live) -> Authenticator:
    found = live.server._app.state.running.authenticator
    assert isinstance(found, Authenticator)
    return found


async def me(live: Live, token: str) -> int:
    async with http_client(live.http, timeout=20) as http:
        return (await http.get("/api/me", headers={"Authorization": f"Bearer {token}"})).status_code


async def known(live: Live, token: str | None) -> None:
    """Until the user's token at this server is this one."""

    async def is_it() -> bool:
        return await authenticator(live).hub_token("id-ada") == token

    await eventually(is_it)


async def test_the_token_that_a_user_showed_last_is_known_at_every_server(tmp_path: Path, database: str) -> None:
    async with standin_hub() as hub:
        hub.users = {ADA: "ada", NEWER: "ada"}
        auth = {"mode": "bearer", "bearer": {"endpoint": hub.url, "cached_s": 0.0}}
        async with two(tmp_path, database, auth=auth) as (a, b):
            assert await me(a, ADA) == 200
            await known(b, ADA)
            assert await authenticator(b).hub_token("id-bob") is None
            assert await me(a, NEWER) == 200
            await known(b, NEWER)
            with psycopg.connect(database) as connection:
                kept = connection.execute(
                    "SELECT data FROM credentials WHERE kind = 'hub_token'", binary=True
                ).fetchall()
            assert len(kept) == 1 and NEWER.encode() not in kept[0][0] and ADA.encode() not in kept[0][0]
        async with two(tmp_path, database, auth=auth) as (a, b):
            assert [await authenticator(live).hub_token("id-ada") for live in (a, b)] == [NEWER, NEWER]
            assert await me(a, NEWER) == 200
            del hub.users[NEWER]
            assert await me(a, NEWER) == 401
            await known(b, None)
    assert hub.requests[ADA] == 1, "no other server asked who it is"
