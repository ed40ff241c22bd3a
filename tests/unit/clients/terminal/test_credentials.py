"""Credentials: `holdfast chat` finds the token of the server on this machine."""

from pathlib import Path

import pytest

from clients.session.token_file import NoToken
from clients.terminal.credentials import find_token
from tests.support.application import settings_for
from tests.support.live import listening
from tests.unit.clients.terminal.terminal import chat

HERE, ELSEWHERE = "http://127.0.0.1:7860", "https://box.example"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_that_is_named_comes_first_then_the_environment_then_the_data_folder(tmp_path: Path) -> None:
    named, data = write(tmp_path / "mine", "named\n"), tmp_path / "data"
    write(data / "token", "kept\n")
    everything = {"HOLDFAST_TOKEN": "said", "HOLDFAST_DATA": str(data)}
    assert find_token(HERE, named, data, everything) == "named"
    assert find_token(HERE, None, data, everything) == "said"
    assert find_token(HERE, None, data, {}) == "kept"
    assert find_token(HERE, None, None, {"HOLDFAST_DATA": str(data)}) == "kept"
    assert find_token(HERE, None, None, {"HOLDFAST_DATA": str(tmp_path)}) is None


def test_the_token_of_this_machine_goes_to_no_other(tmp_path: Path) -> None:
    write(tmp_path / "token", "kept")
    environ = {"HOLDFAST_DATA": str(tmp_path)}
    for url in (HERE, "http://localhost:1", "ws://[::1]:7860/ws", "127.0.0.1:7860"):
        assert find_token(url, None, None, environ) == "kept", url
    for url in (ELSEWHERE, "http://127.0.0.1.example", "http://localhost.example:7860"):
        assert find_token(url, None, None, environ) is None, url
    assert find_token(ELSEWHERE, None, None, {"HOLDFAST_TOKEN": "said"}) == "said"


@pytest.mark.parametrize("content", [None, "", "two words", "\u00e9"])
def test_a_named_file_without_a_token_is_a_fault(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    for token_file, data in ((path, None), (None, tmp_path)):
        with pytest.raises(NoToken, match=r"token.*; name the file that holds it with --token-file"):
            find_token(HERE, token_file, data, {})


async def test_chat_finds_the_token_in_the_data_folder_or_reports_its_absence(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with listening(settings_for(data, auth={"local_token": True})) as live:
        async with chat("--url", live.http, "--data", str(data)) as person:
            person.type("hello")
            await person.sees("demo")
            person.hang_up()
            assert await person.ends() == 0
        wrong = write(tmp_path / "wrong", "x" * 43)
        async with chat("--url", live.http, "--token-file", str(wrong)) as person:
            assert await person.ends() == 1
            assert "the token is wrong" in person.screen and "unauthorized" in person.screen
            assert "x" * 43 not in person.screen
