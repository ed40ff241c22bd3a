"""Room on a small disk: what stores more ends at the reserve, and in the room that is left logins, reading and deleting go on."""

import time
from pathlib import Path

import httpx
import pytest

from server.auth.backends.api_tokens import new_token, tokens_path, write_tokens
from server.util.disk_room import reserve
from tests.faults.harness.order import Hook
from tests.faults.process.disks import has_small_disks, on_a_small_disk
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.network.http_client import http_client

DISK_BYTES = 32 * 2**20
LARGE = 4 * 2**20


async def fill(http: httpx.AsyncClient, files: str) -> list[str]:
    """Upload large and then smaller files until not one byte more is taken; the paths of the large ones."""
    stored: list[str] = []
    for size in (LARGE, 65_536, 1):
        for number in range(1_000):
            answer = await http.put(f"{files}/{size}-{number}", content=bytes(size))
            if answer.status_code != 201:
                break
            stored.append(f"{files}/{size}-{number}")
    return [path for path in stored if f"{LARGE}-" in path]


async def one_session_too_many(http: httpx.AsyncClient) -> httpx.Response:
    """The answer to the first new session that is refused."""
    for _ in range(20):
        answer = await http.post("/api/sessions")
        if answer.status_code != 201:
            return answer
    raise AssertionError("sessions are made without end")


async def test_the_room_that_is_kept_on_a_full_disk_is_enough_to_log_in_and_to_delete(
    zygote: Zygote, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    if not has_small_disks(data):
        pytest.skip("this machine lets no user mount a file system of their own")
    settings = settings_for(data, auth={"mode": "tokens"})
    token, secret = new_token("alice", ["sessions"], now=time.time())
    write_tokens(tokens_path(settings), [token])
    disk = Hook(f"{on_a_small_disk.__module__}:{on_a_small_disk.__name__}", {"folder": str(data), "size": DISK_BYTES})
    headers = {"authorization": f"Bearer {secret}"}
    async with ServerProcess(zygote, tmp_path / "server", settings, hooks=[disk]) as server:
        await server.start()
        async with http_client(server.http, headers=headers) as http:
            sessions = [(await http.post("/api/sessions")).json()["session_id"] for _ in range(2)]
            stored = await fill(http, f"/api/sessions/{sessions[0]}/files")
            refused = await http.put(f"/api/sessions/{sessions[1]}/files/a", content=b"x")
            for answer in (refused, await one_session_too_many(http)):
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert f"{reserve(DISK_BYTES)} are kept for deleting" in answer.json()["message"]
            for _ in range(3):
                assert (await http.post("/auth/token", json={"token": secret})).status_code == 200
            assert (await http.get(stored[0])).content == bytes(LARGE)
            assert (await http.delete(stored[0])).status_code == 204
            assert (await http.put(stored[0], content=bytes(LARGE // 2))).status_code == 201
            assert (await http.delete(f"/api/sessions/{sessions[0]}")).status_code == 204
            assert (await http.post("/api/sessions")).status_code == 201
        assert await server.terminate() == 0
