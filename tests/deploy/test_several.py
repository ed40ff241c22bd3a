"""Several servers by the deployment files: the compose file's services and the systemd template's instances, started without either."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from protocol import SUBPROTOCOL_JSON
from protocol import events as ev
from protocol.submissions import UserInput
from tests.deploy.services import COMPOSE, WAIT_S, Service, changed, compose, container, instance
from tests.deploy.test_nginx import WHOLE
from tests.faults.harness.lengths import in_the_long_form
from tests.support.live import DONE, Client
from tests.support.network.http_client import http_client
from tests.support.network.ports import free_port
from tests.support.postgres.server import PostgresServer

SECRET = "0123456789abcdef0123456789abcdef"


def as_the_image(service: dict[str, str], port: int) -> PostgresServer:
    """PostgreSQL with the user, the password and the database that the service's environment names, which its image makes."""
    name, password = service["POSTGRES_USER"], service["POSTGRES_PASSWORD"]
    database = PostgresServer(fsync="on", full_page_writes="on", port=str(port), listen_addresses="127.0.0.1")
    database.run("psql", database.url, "-c", f"ALTER ROLE {name} PASSWORD '{password}'")
    database.run("createdb", "-h", str(database.folder), "-p", str(port), "-U", name, service["POSTGRES_DB"])
    (database.folder / "data" / "pg_hba.conf").write_text(
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    database.run("pg_ctl", "reload", "-D", "data")
    return database


@contextlib.asynccontextmanager
async def nginx(folder: Path, port: int, nodes: dict[str, int]) -> AsyncIterator[None]:
    """nginx with the file that the proxy's service mounts, for servers at these ports. Names that are looked up again need a newer one than many machines have."""
    text = (COMPOSE / "nginx.conf").read_text()
    changes = {"listen 80;": f"listen 127.0.0.1:{port};"}
    changes |= {f"server {name}:7860 resolve ": f"server 127.0.0.1:{at} " for name, at in nodes.items()}
    for found, put in changes.items():
        assert text.count(found) == 1
        text = text.replace(found, put)
    folder.mkdir()
    (folder / "holdfast.conf").write_text(text)
    (folder / "nginx.conf").write_text(WHOLE.format(folder=folder))
    process = await asyncio.create_subprocess_exec(
        "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGQUIT)
        await process.wait()


@contextlib.asynccontextmanager
async def socket(port: int, token: str, path: str = "/ws") -> AsyncIterator[Client]:
    url = f"ws://localhost:{port}{path}"
    bearer = {"Authorization": f"Bearer {token}"}
    async with connect(
        url, subprotocols=[Subprotocol(SUBPROTOCOL_JSON)], additional_headers=bearer, compression=None, proxy=None
    ) as opened:
        yield Client(opened)


async def turn(client: Client) -> None:
    await client.send(UserInput(text="hello"))
    assert isinstance(await client.until_type(*DONE), ev.TurnComplete)


def owner(database: PostgresServer, name: str, session_id: str) -> str:
    """The name of the server that runs the session."""
    with psycopg.connect(database.url_of(name)) as connection:
        found = connection.execute(
            "SELECT n.name FROM sessions s JOIN nodes n ON n.node = s.owner WHERE s.session_id = %s",
            (session_id.encode(),),
        ).fetchone()
    assert found is not None
    return bytes(found[0]).decode()


async def token_of(server: Service, user: str) -> str:
    """A token for a new user, made by the server's command."""
    return (await server.run("token", "add", user)).splitlines()[0]


@in_the_long_form
@pytest.mark.timeout(180)
@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
async def test_the_services_of_the_compose_file_are_one_server_that_outlives_one_of_them(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="HOLDFAST_SECRET"):
        compose({})
    services = compose({"HOLDFAST_SECRET": SECRET})["services"]
    names = [name for name, service in services.items() if service["image"] == "holdfast"]
    ports, own, at = {name: free_port() for name in names}, free_port(), free_port()
    database = as_the_image(services["database"]["environment"], at)
    files = tmp_path / "files"
    files.mkdir()
    try:
        (kind, check) = services["database"]["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        program, *arguments = check.split()
        database.run(program, "-h", "127.0.0.1", "-p", str(at), *arguments)
        nodes: dict[str, Service] = {}
        async with contextlib.AsyncExitStack() as ends:
            for name in names:
                command, environment = container(services[name])
                url = environment["HOLDFAST_JOURNAL_URL"]
                assert url.count("@database/") == 1
                (tmp_path / name / "data").mkdir(parents=True)
                here = {
                    "HOLDFAST_JOURNAL_URL": url.replace("@database/", f"@127.0.0.1:{at}/"),
                    "HOLDFAST_SHARED_FOLDER": str(files),
                    "HOLDFAST_PUBLIC_URL": f"http://localhost:{own}",
                    "HOLDFAST_DATA": str(tmp_path / name / "data"),
                    "PORT": str(ports[name]),
                }
                nodes[name] = Service(command, changed(environment, here), tmp_path / name)
                await ends.enter_async_context(nodes[name].running())
            await ends.enter_async_context(nginx(tmp_path / "nginx", own, ports))
            for name, port in ports.items():
                await nodes[name].ready(port)
            token = await token_of(nodes["node1"], "ann")
            async with http_client(f"http://localhost:{own}") as http:
                assert (await http.get("/")).status_code == 200
                assert (await http.get("/api/me")).status_code == 401
            async with socket(own, token) as talker:
                await turn(talker)
                session_id, position = talker.ready.session_id, talker.position
                running = owner(database, "holdfast", session_id)
                nodes[running].kill()
                await talker.closed()
            query = "&".join(f"{name}={value}" for name, value in position.items())
            async with socket(own, token, f"/ws/{session_id}?{query}") as back:
                back.view = talker.view
                await turn(back)
                assert back.ready.recovered
            left = [node for name, node in nodes.items() if name != running]
            assert owner(database, "holdfast", session_id) != running
            grace_s = float(services[names[0]]["stop_grace_period"].removesuffix("s"))
            assert await asyncio.gather(*(node.stopped(grace_s) for node in left)) == [0, 0]
    finally:
        database.remove()


@in_the_long_form
@pytest.mark.timeout(180)
async def test_two_instances_of_the_systemd_template_share_their_sessions_and_files(tmp_path: Path) -> None:
    database = PostgresServer(fsync="on", full_page_writes="on")
    ports = (free_port(), free_port())
    variables = {"HOLDFAST_JOURNAL_URL": database.url, "HOLDFAST_SECRET": SECRET, "HOLDFAST_AUTH": "tokens"}
    try:
        async with contextlib.AsyncExitStack() as ends:
            both: list[Service] = []
            for port in ports:
                command, environment = instance(port, tmp_path, variables)
                folder = tmp_path / str(port)
                folder.mkdir()
                both.append(await ends.enter_async_context(Service(command, environment, folder).running()))
            for one, port in zip(both, ports, strict=True):
                await one.ready(port)
            token = await token_of(both[0], "ann")
            async with socket(ports[0], token) as first:
                await turn(first)
                session_id = first.ready.session_id
                async with socket(ports[1], token, f"/ws/{session_id}") as second:
                    await turn(second)
                    await first.until_type(ev.TurnComplete)
            path, bearer = f"/api/sessions/{session_id}/files/a.txt", {"Authorization": f"Bearer {token}"}
            async with http_client(f"http://127.0.0.1:{ports[0]}", headers=bearer) as http:
                assert (await http.put(path, content=b"abc")).status_code == 201
            async with http_client(f"http://127.0.0.1:{ports[1]}", headers=bearer) as http:
                assert (await http.get(path)).content == b"abc"
            nodes = await both[0].run("nodes")
            assert all(f"this-machine-{port}" in nodes for port in ports)
            assert [await one.stopped(WAIT_S) for one in both] == [0, 0]
    finally:
        database.remove()
