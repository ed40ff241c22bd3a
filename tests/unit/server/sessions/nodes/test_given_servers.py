"""Servers that a client gives, over two servers: they are kept encrypted for whichever runs the session, which hears of others at once."""

from pathlib import Path
from typing import Any

import httpx
import psycopg

from server.sessions.nodes.given_servers import GivenServers
from server.telemetry.secrets import KnownSecrets
from tests.integration.test_given_servers import outputs
from tests.support.application import settings_for
from tests.support.live import Live
from tests.support.models.scripted_model import Answer, Call, Request, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.support.postgres.elsewhere import SECRET as SECRET_OF_ALL
from tests.unit.agent.tools.mcp.servers import PLAIN, odd
from tests.unit.server.sessions.nodes.two import two

SECRET = "a-secret-of-the-editor-0123456789"
SHOP = {"command": odd().command, "args": ["-I", "-S", str(PLAIN)], "env": {"SHOP_API_KEY": SECRET}}
LOCAL: dict[str, Any] = {"auth": {"local_token": True}, "policy": {"rules": [{"action": "allow", "tool": "echo"}]}}


def echoes(request: Request) -> Answer:
    return text("Done.") if request.messages[-1]["role"] == "tool" else calls(Call("echo", {"text": "hi"}))


def kept(database: str) -> list[bytes]:
    """What the database keeps of what clients gave."""
    with psycopg.connect(database) as connection:
        return [bytes(row[0]) for row in connection.execute("SELECT sealed FROM given")]


def waits(database: str) -> int:
    """How many sessions' servers have not heard yet."""
    with psycopg.connect(database) as connection:
        return len(connection.execute("SELECT FROM inbox").fetchall())


async def give(http: httpx.AsyncClient, session_id: str, servers: dict[str, Any]) -> None:
    answer = await http.put(f"/api/sessions/{session_id}/mcp/servers", json={"mcp_servers": servers})
    assert answer.status_code == 200 and answer.json() == {"mcp_refused": {}}


async def asleep(live: Live, session_id: str) -> None:
    """Put the session to sleep there, once it rests."""
    actor = live.manager.registry.get(session_id)
    assert actor is not None
    await eventually(lambda: actor.may_sleep)
    await live.manager.registry.end(actor)


async def test_whichever_server_runs_the_session_has_what_its_client_gave_last_at_any(
    tmp_path: Path, database: str
) -> None:
    async with ScriptedModel(echoes) as model, two(tmp_path, database, model, **LOCAL) as (a, b):
        headers = {"Authorization": f"Bearer {(tmp_path / 'a' / 'token').read_text().strip()}"}
        async with http_client(a.http, headers=headers) as at_a, http_client(b.http, headers=headers) as at_b:
            session_id = (await at_a.post("/api/sessions")).json()["session_id"]
            await give(at_b, session_id, {"shop": SHOP})
            assert await outputs(a, headers, session_id) == ["hi"]
            assert a.manager.registry.get(session_id) is not None, "it goes on there"
            (sealed,) = kept(database)
            assert SECRET.encode() not in sealed and b"shop" not in sealed
            await asleep(a, session_id)
            assert await outputs(b, headers, session_id) == ["hi"]
            assert b.manager.registry.get(session_id) is not None
            await give(at_a, session_id, {})
            assert kept(database) == [] and waits(database) == 0
            (missing,) = await outputs(a, headers, session_id)
            assert "there is no tool" in missing
            await give(at_a, session_id, {"shop": SHOP})
            assert (await at_a.delete(f"/api/sessions/{session_id}")).status_code == 204
            await eventually(lambda: kept(database) == [])


async def test_what_another_secret_or_another_session_was_given_is_not_read_and_programs_where_none_are_started(
    tmp_path: Path, database: str
) -> None:
    async with two(tmp_path, database, **LOCAL) as (a, _):
        headers = {"Authorization": f"Bearer {(tmp_path / 'a' / 'token').read_text().strip()}"}
        async with http_client(a.http, headers=headers) as http:
            web = {"url": "http://localhost:9/mcp"}
            made = (await http.post("/api/sessions", json={"mcp_servers": {"shop": SHOP, "web": web}})).json()
        nodes = a.manager.registry.services.nodes
        assert nodes is not None
        session_id = made["session_id"]

        def given_at(secret: str, **auth: Any) -> GivenServers:
            base = settings_for(tmp_path, auth={"local_token": True, **auth, "secret": secret})
            given = GivenServers(base, KnownSecrets(base, {}))
            given.share(nodes)
            return given

        async def read(secret: str, session_id: str = session_id, **auth: Any) -> list[str]:
            return sorted(await given_at(secret, **auth).of(session_id))

        same = SECRET_OF_ALL
        assert await read(same) == ["shop", "web"]
        assert await read(same, mode="tokens") == ["web"]
        assert await read("another one than that of the servers") == []
        with psycopg.connect(database) as connection:
            other = await a.manager.create_session("local")
            connection.execute(
                "UPDATE given SET session = (SELECT key FROM sessions WHERE session_id = %s)", (other.encode(),)
            )
        assert await read(same, other) == []
        assert (await given_at("another").give(other, {}, by_token=True)).changed
        assert kept(database) == [], "what cannot be read can be let go"
