"""Own server: clients that ask at once, from any folder, get one server, which outlives them; a failed start is told."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from clients.session.own_server import CannotStart, find, find_or_start
from protocol.runtime_file import NAME, read_runtime_file
from tests.support.network.http_client import http_client
from tests.support.polling import eventually


def environ(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONDONTWRITEBYTECODE") if name in os.environ}
    return {**kept, "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "HOLDFAST_MODEL": "demo", **more}


async def test_two_that_ask_at_once_get_one_server_that_serves_folders_below_home(tmp_path: Path) -> None:
    env = environ(tmp_path)
    (tmp_path / "shop").mkdir()
    one, other = await asyncio.gather(find_or_start(env), find_or_start(env))
    try:
        assert one == other == find(env)
        assert one.token_file == str(tmp_path / "data" / "holdfast" / "token")
        token = Path(one.token_file).read_text().strip()
        async with http_client(one.url, headers={"Authorization": f"Bearer {token}"}) as http:
            made = await http.post("/api/sessions", json={"cwd": str(tmp_path / "shop")})
            assert (made.status_code, made.json()["cwd"]) == (201, str(tmp_path / "shop"))
            assert (await http.post("/api/sessions", json={"cwd": str(tmp_path)})).status_code == 403
    finally:
        os.kill(one.pid, signal.SIGTERM)
    await eventually(lambda: not (tmp_path / "data" / "holdfast" / NAME).exists())
    assert read_runtime_file(tmp_path / "data" / "holdfast") is None


async def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"WEB_CONCURRENCY.*server\.log"):
        await find_or_start(environ(tmp_path, WEB_CONCURRENCY="4"))
