"""Tickets of several servers: made at one, good once at any of them, whatever their users showed to get them."""

import asyncio
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_TICKET
from protocol.frames import Synced
from server.auth.principal import Principal
from server.auth.tickets import LASTS_S, PER_USER_MAX, SharedTickets
from server.journal.postgres.journal import open_postgres
from tests.support.hub.standin_hub import standin_hub
from tests.support.live import Client, Live
from tests.support.network.http_client import http_client
from tests.support.postgres.databases import Databases
from tests.unit.server.auth.test_hf_tokens import ADA
from tests.unit.server.auth.test_tickets import opened, ticket_of
from tests.unit.server.sessions.nodes.two import two


async def ticket_at(live: Live, token: str = "") -> str:
    async with http_client(live.http, headers={"Authorization": f"Bearer {token}"} if token else {}) as http:
        return await ticket_of(http)


async def test_a_ticket_of_one_server_is_good_once_at_another(
    postgres: Databases, tmp_path: Path, database: str
) -> None:
    async with two(tmp_path, database, auth={"local_token": True, "failures_per_minute": 3}) as (a, b):
        token = (tmp_path / "a" / "token").read_text().strip()
        ticket = await ticket_at(a, token)
        assert sorted(map(str, await asyncio.gather(opened(b, ticket), opened(a, ticket)))) == ["401", SUBPROTOCOL_JSON]
        name = database.partition("?")[0].rpartition("/")[2]
        ticket = await ticket_at(a, token)
        postgres.execute("ALTER TABLE credentials RENAME TO away", name)
        assert await opened(b, ticket) == 503
        postgres.execute("ALTER TABLE away RENAME TO credentials", name)
        assert await opened(b, ticket) == SUBPROTOCOL_JSON
        assert [await opened(b, f"hfw_{n}") for n in range(5)][-1] == 429
        assert await opened(b, await ticket_at(a, token)) == 429, "who guesses is not looked up"


async def test_a_ticket_for_a_token_that_only_the_first_server_was_shown(tmp_path: Path, database: str) -> None:
    async with standin_hub() as hub:
        hub.users = {ADA: "ada"}
        auth = {"mode": "bearer", "recheck_s": 0.02, "bearer": {"endpoint": hub.url, "cached_s": 0.1}}
        async with two(tmp_path, database, auth=auth) as (a, b):
            offered: Any = [SUBPROTOCOL_JSON, SUBPROTOCOL_TICKET + await ticket_at(a, ADA)]
            async with connect(b.ws, subprotocols=offered) as socket:
                client = Client(socket)
                await client.until_type(Synced)
                del hub.users[ADA]
                assert (await client.closed())[0] == 4401


async def test_a_ticket_is_good_for_half_a_minute_and_a_user_has_the_newest_alone(database: str) -> None:
    journal = await open_postgres(database)
    times = [time.time()]
    tickets = SharedTickets(journal.credentials, lambda: times[0])
    ann = Principal(user_id="ann\0é", rights=frozenset({"sessions"}), credential="token:1", by_cookie=True)
    made = []
    for _ in range(PER_USER_MAX + 1):
        times[0] += 0.001
        made.append(await tickets.make(ann, 0.0))
    first, *_, last, late = made
    times[0] += LASTS_S - 0.01
    assert [await tickets.use(ticket, 0.0) for ticket in ("", "hfw_", first)] == [None] * 3
    holder = await tickets.use(last, 0.0)
    assert holder is not None and (holder.user_id, holder.rights, holder.by_cookie) == (ann.user_id, ann.rights, False)
    times[0] += 0.02
    assert await tickets.use(late, 0.0) is None
    await journal.aclose()
