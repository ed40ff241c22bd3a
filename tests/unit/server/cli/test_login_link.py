"""`holdfast login-link`: a link for a browser, made of the token's file, without asking the server."""

import re
from pathlib import Path

import pytest

from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.network.http_client import http_client
from tests.unit.server.cli.test_main import HOLDFAST, run


async def test_the_printed_link_logs_a_browser_in_once(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, auth={"local_token": True})) as live:
        code, out, err = await run(HOLDFAST, "login-link", "--data", str(tmp_path), "--port", str(live.port))
        assert code == 0 and "once, for 10 minutes" in err
        link = re.fullmatch(rf"http://localhost:{live.port}/#token=(hfc_\w+)\n", out)
        assert link
        assert (tmp_path / "token").read_text().strip() not in out + err
        async with http_client(live.http) as http:
            answers = [(await http.post("/auth/local", json={"token": link[1]})).status_code for _ in range(2)]
    assert answers == [200, 401]


async def test_the_link_has_the_public_address_of_a_server_behind_a_proxy(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * 43)
    (tmp_path / "token").chmod(0o600)
    code, out, _ = await run(HOLDFAST, "login-link", "--data", str(tmp_path), HOLDFAST_PUBLIC_URL="https://box.example")
    assert (code, out.partition("#")[0]) == (0, "https://box.example/")


@pytest.mark.parametrize(
    ("environ", "args", "code", "words"),
    [
        ({}, [], 1, "the first start of a server with this data folder makes it"),
        ({"HOLDFAST_AUTH": "tokens"}, [], 2, "`holdfast token add`"),
        ({"HOLDFAST_AUTH": "bearer"}, [], 2, "Hugging Face token"),
        ({}, ["--port", "0"], 2, "say it with --port"),
        ({}, ["--port", "70000"], 2, "server.port"),
    ],
)
async def test_without_a_link_an_error_says_what_to_do(
    tmp_path: Path, environ: dict[str, str], args: list[str], code: int, words: str
) -> None:
    ended, out, err = await run(HOLDFAST, "login-link", "--data", str(tmp_path), *args, **environ)
    assert (ended, out) == (code, "")
    assert err.startswith("holdfast: error: ") and words in err and err.count("\n") == 1


async def test_a_token_file_that_others_can_read_gives_no_link(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * 43)
    (tmp_path / "token").chmod(0o644)
    code, out, err = await run(HOLDFAST, "login-link", "--data", str(tmp_path))
    assert (code, out) == (1, "") and "chmod 600" in err
