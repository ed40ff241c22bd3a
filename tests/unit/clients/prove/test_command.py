"""Command `holdfast prove` where nothing can be tried: it says why at once, with exit code 2."""

import pytest

from server.cli.main import main
from tests.support.network.ports import free_port


@pytest.mark.parametrize("words", [[], ["durable-streams"]])
def test_a_server_that_does_not_run_is_told_as_such(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["prove", *words, url]) == 2
    assert f"nothing answers at {url}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["durable-streams"], "name a server"),
        (["acp"], "name a server"),
        (["--command", "x", "acp", "--", "agent"], "leave out --command"),
        (["--only", "nothing", "http://127.0.0.1:1"], "no case is named"),
        (["--record", "folder", "acp", "--", "agent"], "leave it out"),
        (["acp", "--", "no-such-program"], "No such file"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_told_as_such(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", *words]) == 2
    assert why in capsys.readouterr().err
