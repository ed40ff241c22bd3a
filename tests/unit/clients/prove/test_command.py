"""Command `holdfast prove` where nothing can be tried: it says why at once, with exit code 2."""

from pathlib import Path

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


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff"])
def test_a_file_without_a_token_is_told_with_what_to_do(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    assert main(["prove", "--token-file", str(path), "http://127.0.0.1:1"]) == 2
    told = capsys.readouterr().err
    assert str(path) in told and "name the file that holds it with --token-file" in told


@pytest.mark.parametrize("option", ["--json", "--junit", "--html", "--markdown"])
@pytest.mark.parametrize("name", ["missing/report", ""])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_tried(
    option: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    assert main(["prove", option, str(path), "http://127.0.0.1:1"]) == 2
    told = capsys.readouterr().err
    assert f"{option} {path}: " in told and "name another file" in told


def test_a_folder_for_records_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.touch()
    assert main(["prove", "--record", str(path), "http://127.0.0.1:1"]) == 2
    assert f"--record {path}: File exists; name another folder" in capsys.readouterr().err
