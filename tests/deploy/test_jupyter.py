"""JupyterHub: the server below a path behind the real jupyter-server-proxy. Long form only: it is installed for the test."""

import asyncio
import contextlib
import subprocess
import sys
import venv
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from protocol import events as ev
from protocol.submissions import UserInput
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import settings_for
from tests.support.live import DONE, Client, listening
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.ports import free_port
from tests.support.polling import eventually

PACKAGE = "jupyter-server-proxy==4.6.0"
FOLDER = Path(sys.prefix) / "jupyter"
"""Inside our own environment: made once, and gone with it."""
INSTALL_S = 300.0
PASSED_ON_BYTES = 8 * 2**20
"""Below the 10 MiB that it passes on."""


def installed() -> Path:
    """The command of Jupyter's server, with the proxy, installed if it is not yet."""
    command = FOLDER / "bin" / "jupyter-server"
    if not command.exists():
        venv.create(FOLDER, with_pip=True, clear=True)
        pip = [
            str(FOLDER / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PACKAGE,
        ]
        subprocess.run(pip, check=True, timeout=INSTALL_S)
    return command


@contextlib.asynccontextmanager
async def jupyter(folder: Path, port: int) -> AsyncIterator[None]:
    """A Jupyter server of the user anna, as JupyterHub starts one; whom it lets in is not what is tried here."""
    options = {
        "ip": "127.0.0.1",
        "port": port,
        "base_url": "/user/anna/",
        "root_dir": folder,
        "open_browser": False,
        "allow_root": True,
    }
    command = [str(await asyncio.to_thread(installed)), "--IdentityProvider.token="]
    command += [f"--ServerApp.{name}={value}" for name, value in options.items()]
    log = (folder / "jupyter.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        stdout=log,
        stderr=log,
    )

    async def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient() as http:
                return (await http.get(f"http://127.0.0.1:{port}/user/anna/api")).status_code == httpx.codes.OK
        return False

    try:
        await eventually(answers, "Jupyter's server answers")
        yield
    finally:
        process.kill()
        await process.wait()
        log.close()


@in_the_long_form
@pytest.mark.timeout(2 * INSTALL_S)
async def test_the_server_works_below_the_path_that_jupyter_gives_it(tmp_path: Path) -> None:
    outer, inner = free_port(), free_port()
    path = f"127.0.0.1:{outer}/user/anna/proxy/{inner}"
    async with ScriptedModel([text("Yes.")]) as model, jupyter(tmp_path, outer):
        settings = settings_for(tmp_path / "data", model, socket={"outbound_frame_bytes": PASSED_ON_BYTES})
        fields = {"port": inner, "public_url": f"http://{path}", "trusted_proxies": ["127.0.0.1"]}
        settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, **fields))
        async with listening(settings), httpx.AsyncClient(base_url=f"http://{path}") as http:
            page = await http.get("/")
            script = await http.get("/static/holdfast.js")
            assert (page.status_code, script.status_code) == (httpx.codes.OK, httpx.codes.OK)
            assert "<html" in page.text and "javascript" in script.headers["content-type"]
            async with connect(f"ws://{path}/ws", max_size=None, origin=f"http://127.0.0.1:{outer}") as socket:  # type: ignore[arg-type]
                one = await Client(socket).synced()
                await one.send(UserInput(text="x" * 400_000))
                await one.until_type(*DONE)
                answer = one.events[-1]
                assert isinstance(answer, ev.TurnComplete) and answer.final_response == "Yes."
            async with connect(f"ws://{path}/ws/{one.ready.session_id}", max_size=None) as socket:
                again = await Client(socket).synced()
            assert again.view.messages == one.view.messages
            assert (await http.get(f"/api/sessions/{one.ready.session_id}")).status_code == httpx.codes.OK
