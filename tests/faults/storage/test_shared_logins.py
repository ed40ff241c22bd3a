"""Logins of several servers, as processes: they outlive the server that made them, and end at all servers."""

import contextlib
import signal
from pathlib import Path

import msgspec
from websockets.asyncio.client import connect

from protocol.frames import Synced
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.storage.test_nodes import ON_A_TEST_SERVER, node
from tests.support.live import Client
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client


class Browser:
    """A login's cookie and key, for whichever server."""

    cookie, key = "", ""

    def headers(self, server: ServerProcess) -> dict[str, str]:
        origin = f"http://127.0.0.1:{server.port}"
        return {"Cookie": f"holdfast-{server.port}={self.cookie}", "Origin": origin, "Holdfast-Key": self.key}

    async def log_in(self, server: ServerProcess, token: str) -> None:
        async with http_client(server.http) as http:
            answer = await http.post("/auth/local", json={"token": token})
            self.cookie, self.key = http.cookies[f"holdfast-{server.port}"], answer.json()["key"]

    async def status(self, server: ServerProcess, path: str = "/api/me", method: str = "GET") -> int:
        async with http_client(server.http) as http:
            return (await http.request(method, path, headers=self.headers(server))).status_code


@in_the_long_form
async def test_logins_outlive_a_killed_server_and_end_at_all(zygote: Zygote, tmp_path: Path, database: str) -> None:
    async with contextlib.AsyncExitStack() as ends:
        model = await ends.enter_async_context(ScriptedModel(lambda request: text("Yes.")))
        servers = []
        for name in ("a", "b"):
            settings = node(tmp_path / name / "data", model, database)
            settings = msgspec.structs.replace(settings, auth=msgspec.structs.replace(settings.auth, local_token=True))
            one = ServerProcess(zygote, tmp_path / name, settings, hooks=[ON_A_TEST_SERVER])
            servers.append(await ends.enter_async_context(one))
            await one.start()
        a, b = servers
        token = (tmp_path / "a" / "data" / "token").read_text().strip()
        kept, ended = Browser(), Browser()
        for browser in (kept, ended):
            await browser.log_in(a, token)
        a.signal(signal.SIGKILL)
        await a.ended()
        assert await kept.status(b) == 200
        async with connect(b.ws, additional_headers=ended.headers(b)) as socket:
            client = Client(socket)
            await client.until_type(Synced)
            await a.start()
            assert await ended.status(a, "/auth/logout", "POST") == 204
            assert (await client.closed())[0] == 4401
        for one in servers:
            assert await one.terminate() == 0
        for one in servers:
            await one.start()
        assert [await browser.status(one) for browser in (kept, ended) for one in servers] == [200, 200, 401, 401]
