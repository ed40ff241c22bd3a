"""Services: what the deployment files start, started without Docker and systemd: the same commands with the same environment.

What of it is another thing here is given by the test: names of hosts, ports, folders.
"""

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml  # type: ignore[import-untyped]  # it has no types

from tests.deploy.test_files import image
from tests.support.network.http_client import http_client
from tests.support.paths import ROOT
from tests.unit.server.cli.test_main import HOLDFAST

COMPOSE = ROOT / "deploy" / "compose"
UNIT = ROOT / "deploy" / "systemd" / "holdfast@.service"
WAIT_S = 60.0


def compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with its variables put in, as `docker compose` does. Raises KeyError for one that must be set and is not."""

    def value(found: re.Match[str]) -> str:
        name, rule, given = found.groups()
        if variables.get(name):
            return variables[name]
        if rule == ":?":
            raise KeyError(f"{name}: {given}")
        return given

    def put_in(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: put_in(inner) for name, inner in part.items()}
        if isinstance(part, list):
            return [put_in(inner) for inner in part]
        return re.sub(r"\$\{(\w+)(:[?-])([^}]*)\}", value, part) if isinstance(part, str) else part

    loaded: dict[str, Any] = put_in(yaml.safe_load((COMPOSE / "compose.yaml").read_text()))
    return loaded


def container(service: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a service that is the image: the image's, and over them the service's."""
    made = image("host")
    set_by_image = dict(word.split("=", 1) for line in made["ENV"] for word in line.split())
    return json.loads(made["CMD"][-1]), {**set_by_image, **service["environment"]}


def instance(port: int, state: Path, environment_file: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of an instance of the systemd template. `state`: in place of /var/lib."""
    text = UNIT.read_text()
    for specifier, put in {"%i": str(port), "%S": str(state), "%H": "this-machine"}.items():
        text = text.replace(specifier, put)
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    (folders,) = re.findall(r"^StateDirectory=(.*)$", text, re.MULTILINE)
    for folder in folders.split():
        (state / folder).mkdir(parents=True, exist_ok=True)
    words = " ".join(re.findall(r"^Environment=(.*)$", text, re.MULTILINE)).split()
    return command.split(), {**environment_file, **dict(word.split("=", 1) for word in words)}


def changed(environment: Mapping[str, str], here: Mapping[str, str]) -> dict[str, str]:
    """The environment, with what is another thing here; each must be in it."""
    assert not [name for name in here if name not in environment], "nothing is set here that is not set there"
    return {**environment, **here}


class Service:
    """A process of `holdfast`, as the service starts it: the program of this checkout in place of the installed one."""

    def __init__(self, command: list[str], environment: Mapping[str, str], folder: Path) -> None:
        assert Path(command[0]).name == "holdfast"
        self._arguments = command[1:]
        self._folder = folder
        self._environment = {
            **{name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            **environment,
            "PATH": os.environ["PATH"],
        }
        self._process: asyncio.subprocess.Process | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Service"]:
        """It, from the start until the end of the block."""
        with (self._folder / "log").open("wb") as log:
            self._process = await self._start(*self._arguments, stdout=log, stderr=log)
            try:
                yield self
            finally:
                if self._process.returncode is None:
                    self._process.kill()
                await self._process.wait()

    async def _start(self, *arguments: str, **more: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *HOLDFAST, *arguments, env=self._environment, cwd=self._folder, **more
        )

    async def run(self, *arguments: str) -> str:
        """What another command of the program says in the same surroundings, as `docker compose exec` would run it."""
        process = await self._start(*arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await asyncio.wait_for(process.communicate(), WAIT_S)
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def ready(self, port: int) -> None:
        """Wait until it is ready for requests at this port."""
        async with asyncio.timeout(WAIT_S), http_client(f"http://127.0.0.1:{port}") as http:
            while True:
                assert self._process is not None and self._process.returncode is None, self.log
                with contextlib.suppress(httpx.TransportError):
                    answer = await http.get("/readyz")
                    if answer.status_code == 200:
                        return
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.kill()

    async def stopped(self, within_s: float) -> int:
        """Its exit status after SIGTERM, which the image and the unit stop it by."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), within_s)

    @property
    def log(self) -> str:
        """All that it wrote."""
        return (self._folder / "log").read_text()
