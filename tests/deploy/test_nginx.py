"""The nginx example, run: TLS, a conversation, a resume over its reload and restart, and whose headers are believed."""

import asyncio
import contextlib
import re
import shutil
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from protocol import SUBPROTOCOL_JSON
from protocol import events as ev
from protocol.submissions import UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, Client, Live, listening
from tests.support.network.http_client import http_client
from tests.support.network.ports import free_port
from tests.support.paths import ROOT
from tests.unit.server.sessions.nodes.two import node

NAME = "holdfast.example"
WAIT_S = 15.0
pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None, reason="nginx or openssl is not installed"
)
WHOLE = """daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/holdfast.conf;
}}
"""


async def done(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, stderr = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode == 0, stderr.decode()


class Nginx:
    """The example with ports and a certificate of the test's own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.origin = f"https://{NAME}:{port}"
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def make(self, upstream: int, path: str = "", nodes: Sequence[int] = ()) -> None:
        """`nodes`: the ports of several servers, in place of `upstream`."""
        key, cert = self._folder / "key.pem", self._folder / "cert.pem"
        subject = ("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")
        await done(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-keyout", key, "-out", cert, *subject),
        )
        text = (ROOT / "deploy" / "nginx" / "holdfast.conf").read_text()
        for found, put in {
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "server 127.0.0.1:7860": f"server 127.0.0.1:{upstream}",
            "/etc/ssl/holdfast.example.pem": str(cert),
            "/etc/ssl/holdfast.example.key": str(key),
        }.items():
            assert text.count(found) == 1
            text = text.replace(found, put)
        if nodes:
            several = (ROOT / "deploy" / "nginx" / "nodes.conf").read_text()
            for number, port in enumerate(nodes, 1):
                assert several.count(f"127.0.0.1:786{number} ") == 1
                several = several.replace(f"127.0.0.1:786{number} ", f"127.0.0.1:{port} ")
            text, replaced = re.subn(r"upstream holdfast \{.*?\n\}\n", lambda _: several, text, flags=re.DOTALL)
            assert replaced == 1
        if path:
            text = text.replace("location / {", f"location {path}/ {{").replace(
                "proxy_pass http://holdfast;", "proxy_pass http://holdfast/;"
            )
        (self._folder / "holdfast.conf").write_text(text)
        (self._folder / "nginx.conf").write_text(WHOLE.format(folder=self._folder))
        self.trust = ssl.create_default_context(cafile=cert)

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(*self._command(), stderr=asyncio.subprocess.PIPE)
        await self._logged(b"start worker process ")

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            await asyncio.wait_for(process.communicate(), WAIT_S)

    async def reload(self) -> None:
        await done(*self._command(), "-s", "reload")
        await self._logged(b"start worker process ")

    def _command(self) -> list[str]:
        return ["nginx", "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]

    async def _logged(self, words: bytes) -> None:
        assert self._process is not None and self._process.stderr is not None
        while words not in (line := await asyncio.wait_for(self._process.stderr.readline(), WAIT_S)):
            assert line, "nginx ended"

    @contextlib.asynccontextmanager
    async def client(self, path: str = "/ws", **more: Any) -> AsyncIterator[Client]:
        given: dict[str, Any] = {"origin": self.origin, "ssl": self.trust, "compression": None, **more}
        url = f"wss://{NAME}:{self.port}{path}"
        async with connect(
            url, host="127.0.0.1", port=self.port, subprotocols=[Subprotocol(SUBPROTOCOL_JSON)], proxy=None, **given
        ) as socket:
            yield Client(socket)

    def http(self) -> httpx.AsyncClient:
        return http_client(f"https://127.0.0.1:{self.port}")


@contextlib.asynccontextmanager
async def behind(tmp_path: Path, path: str = "", **server: Any) -> AsyncIterator[tuple[Live, Nginx]]:
    """A server behind nginx, which gives it its whole host, or what is below a path, which it cuts off."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    nginx = Nginx(folder, free_port())
    settings = settings_for(tmp_path / "data")
    fields = {"public_url": f"{nginx.origin}{path}", "trusted_proxies": ["127.0.0.1"], **server}
    settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, **fields))
    async with listening(settings) as live:
        await nginx.make(live.port, path)
        await nginx.start()
        try:
            yield live, nginx
        finally:
            await nginx.stop()


async def test_a_conversation_resumes_through_nginx_after_a_reload_and_a_restart(tmp_path: Path) -> None:
    async with behind(tmp_path) as (_, nginx):
        async with nginx.client() as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(*DONE)
            await nginx.reload()
            await talker.send(UserInput(text="still there?"))
            await talker.until_type(*DONE)
            await nginx.stop()
            await talker.closed()
        await nginx.start()
        session_id, epoch = talker.ready.session_id, talker.ready.epoch
        async with nginx.client(f"/ws/{session_id}?after=0&epoch={epoch}") as back:
            await back.synced()
            assert back.ready.recovered and back.view.messages == talker.view.messages
            await back.send(UserInput(text="again"))
            assert isinstance(await back.until_type(*DONE), ev.TurnComplete)


async def test_a_client_of_several_servers_goes_on_at_another_when_its_own_stops(tmp_path: Path, database: str) -> None:
    async with contextlib.AsyncExitStack() as ends:
        folder = tmp_path / "nginx"
        folder.mkdir()
        nginx = Nginx(folder, free_port())
        servers: list[tuple[contextlib.AsyncExitStack, Live]] = []
        for name in ("a", "b"):
            settings = node(tmp_path, database, name, settings_for(tmp_path / name), lease_s=2.0)
            given = msgspec.structs.replace(settings.server, public_url=nginx.origin, trusted_proxies=["127.0.0.1"])
            stack = await ends.enter_async_context(contextlib.AsyncExitStack())
            live = await stack.enter_async_context(listening(msgspec.structs.replace(settings, server=given)))
            servers.append((stack, live))
        # A third is not there: nginx goes on to the next.
        await nginx.make(0, nodes=[free_port(), *(live.port for _, live in servers)])
        await nginx.start()
        ends.push_async_callback(nginx.stop)
        async with nginx.client() as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(*DONE)
            session_id, position = talker.ready.session_id, talker.position
            (own,) = [stack for stack, live in servers if live.manager.registry.get(session_id) is not None]
            await own.aclose()
            await talker.closed()
        query = "&".join(f"{name}={value}" for name, value in position.items())
        async with nginx.client(f"/ws/{session_id}?{query}") as back:
            back.view = talker.view
            await back.send(UserInput(text="again"))
            assert isinstance(await back.until_type(*DONE), ev.TurnComplete)
            assert back.ready.recovered


async def test_nginx_does_not_buffer_frames(tmp_path: Path) -> None:
    async with behind(tmp_path) as (_, nginx), nginx.client() as talker:
        await talker.send(UserInput(text="hello"))
        await talker.until_type(*DONE)
        assert len(talker.messages) > 5


async def test_foreign_origins_and_hosts_are_refused_behind_nginx(tmp_path: Path) -> None:
    async with behind(tmp_path) as (_, nginx):
        with pytest.raises(InvalidStatus) as refused:
            async with nginx.client(origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        async with nginx.http() as http:
            evil = await http.get("/api/sessions", headers={"host": "evil.example"})
            ours = await http.get("/api/sessions", headers={"host": f"{NAME}:{nginx.port}"})
        assert (evil.status_code, ours.status_code) == (403, 200)


async def test_nginx_replaces_forwarded_headers_of_the_client(tmp_path: Path) -> None:
    async with behind(tmp_path) as (_, nginx), nginx.http() as http:
        forged = {
            "host": f"{NAME}:{nginx.port}",
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "gopher",
            "x-forwarded-for": "no address",
        }
        answer = await http.get("/api/sessions", headers=forged)
    assert answer.status_code == 200
    assert "strict-transport-security" in answer.headers, "the server knows that the client came by TLS"


async def test_forwarded_headers_of_an_untrusted_proxy_are_ignored(tmp_path: Path) -> None:
    async with behind(tmp_path, public_url="", trusted_proxies=[]) as (_, nginx), nginx.http() as http:
        answer = await http.get("/livez", headers={"host": "localhost"})
    assert answer.status_code == 200 and "strict-transport-security" not in answer.headers


async def test_the_server_works_below_a_path_that_nginx_cuts_off(tmp_path: Path) -> None:
    async with behind(tmp_path, "/hub/agent") as (_, nginx), nginx.http() as http:
        ours = {"host": f"{NAME}:{nginx.port}"}
        page = await http.get("/hub/agent/", headers=ours)
        assert page.status_code == 200 and '"./static/page.js?v=' in page.text
        script = await http.get("/hub/agent/static/page.js", headers={**ours, "origin": nginx.origin})
        assert script.status_code == 200
        assert (await http.get("/hub/agent", headers=ours)).headers["location"].endswith("/hub/agent/")
        made = await http.post("/hub/agent/api/sessions", headers={**ours, "origin": nginx.origin})
        session_id = made.json()["session_id"]
        shared = await http.post(
            f"/hub/agent/api/sessions/{session_id}/shares",
            headers={**ours, "origin": nginx.origin},
            json={"access": "read"},
        )
        assert shared.json()["link"].startswith(f"{nginx.origin}/hub/agent/s/{session_id}#share=")
        async with nginx.client(f"/hub/agent/ws/{session_id}") as talker:
            await talker.synced()
            await talker.send(UserInput(text="hello"))
            assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)
