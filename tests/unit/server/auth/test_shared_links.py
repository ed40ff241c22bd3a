"""Links to sessions at several servers: made at one and good at all, and taken back at one for all."""

from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from protocol.frames import Synced
from tests.support.live import Client, Live
from tests.support.network.http_client import http_client
from tests.unit.server.sessions.nodes.two import two


async def share(live: Live, owner: dict[str, str], session_id: str, access: str) -> tuple[str, str]:
    """The id and the secret of a new link."""
    async with http_client(live.http, headers=owner) as http:
        made = await http.post(f"/api/sessions/{session_id}/shares", json={"access": access})
        assert made.status_code == 201, made.text
        return made.json()["share_id"], made.json()["secret"]


@pytest.mark.parametrize("owner_is", ["at the server that takes it back", "elsewhere"])
async def test_a_link_that_is_taken_back_at_one_server_ends_its_sockets_at_another(
    tmp_path: Path, database: str, owner_is: str
) -> None:
    async with two(tmp_path, database, auth={"local_token": True, "recheck_s": 0.1}) as (a, b):
        token = (tmp_path / "a" / "token").read_text().strip()
        owner = {"Authorization": f"Bearer {token}"}
        runs = a if owner_is == "at the server that takes it back" else b
        async with connect(runs.ws, additional_headers=owner) as maker:
            session_id = (await Client(maker).synced()).ready.session_id
        share_id, secret = await share(a, owner, session_id, "drive")
        _, kept = await share(b, owner, session_id, "read")
        guest = {"Authorization": f"Bearer {secret}"}
        for live in (a, b):
            async with http_client(live.http, headers=guest) as http:
                assert (await http.get(f"/api/sessions/{session_id}")).status_code == 200
        async with (
            connect(f"{b.ws}/{session_id}", additional_headers=guest) as socket,
            connect(f"{b.ws}/{session_id}", additional_headers={"Authorization": f"Bearer {kept}"}) as other,
        ):
            reader, stays = Client(socket), Client(other)
            await reader.until_type(Synced)
            await stays.until_type(Synced)
            async with http_client(a.http, headers=owner) as http:
                assert (await http.delete(f"/api/sessions/{session_id}/shares/{share_id}")).status_code == 204
            assert (await reader.closed())[0] == 4401
            await other.ping()
            assert other.close_code is None
        for live in (a, b):
            async with http_client(live.http, headers=guest) as http:
                assert (await http.get(f"/api/sessions/{session_id}")).status_code == 401
