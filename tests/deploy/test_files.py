"""The Dockerfiles and the Space's files: what they name is there, and they keep what hosts ask for. No image is built here."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from server.config.loader import load_settings
from server.config.settings import Settings
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILES = [DEPLOY / "Dockerfile", DEPLOY / "space" / "Dockerfile"]


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Each instruction and its words, continued lines joined, comments left out."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [(kind, words.strip()) for kind, _, words in (line.partition(" ") for line in joined.splitlines() if line)]


def last_stage(dockerfile: Path) -> list[tuple[str, str]]:
    found = instructions(dockerfile)
    return found[max(index for index, (kind, _) in enumerate(found) if kind == "FROM") :]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=["plain", "space"])
def test_an_image_runs_as_an_ordinary_user_on_the_port_and_stops_when_told(dockerfile: Path) -> None:
    stage = dict(last_stage(dockerfile))
    assert stage["USER"] == "1000" and stage["EXPOSE"] == "7860" and stage["STOPSIGNAL"] == "SIGTERM"
    assert (
        "PORT=7860" in stage["ENV"]
        and "HOLDFAST_HOST=0.0.0.0" in stage["ENV"]
        and "HOLDFAST_DATA=/data" in stage["ENV"]
    )
    assert "HOLDFAST_AUTH=local" not in stage["ENV"] and "HOLDFAST_AUTH=" in stage["ENV"]
    command = json.loads(stage["CMD"])
    assert command[:2] == ["holdfast", "serve"], "in exec form: a shell would swallow the signal"
    assert all((ROOT / word).exists() for word in command if word.startswith("configs/"))
    assert "/livez" in stage["HEALTHCHECK"]
    compile(json.loads(stage["HEALTHCHECK"].partition("CMD ")[2])[2], "healthcheck", "exec")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=["plain", "space"])
def test_an_image_copies_every_package_of_the_server(dockerfile: Path) -> None:
    found = instructions(dockerfile)
    assert [kind for kind, _ in found].count("FROM") == 2
    sources = [word for kind, words in found if kind == "COPY" and "--from" not in words for word in words.split()[:-1]]
    assert all((ROOT / source).exists() for source in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name for name in project["tool"]["setuptools"]["packages"]["find"]["include"] if "." not in name}
    assert packages | {"configs", "pyproject.toml", "requirements.lock"} <= set(sources)
    installed = " ".join(words for kind, words in last_stage(dockerfile) if kind == "RUN")
    assert not re.search(r"\b(gcc|build-essential|clang)\b", installed)


def test_the_constraints_of_an_image_are_the_versions_of_the_lock() -> None:
    script = re.search(r"sed (.+?) requirements\.lock", (DEPLOY / "Dockerfile").read_text())
    assert script is not None
    made = subprocess.run(
        f"sed {script[1]} requirements.lock", shell=True, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    lines = [line for line in made.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) > 50
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^\s\\]+( ; .+)?", line.rstrip()) for line in lines)


def test_a_space_has_its_header_and_a_config_that_loads_with_the_platforms_variables() -> None:
    header = (DEPLOY / "space" / "README.md").read_text().split("---")[1]
    told = dict(line.split(": ", 1) for line in header.strip().splitlines())
    assert (told["sdk"], told["app_port"], told["hf_oauth"]) == ("docker", "7860", "true")
    environ = {"SPACE_HOST": "you-holdfast.hf.space", "OAUTH_CLIENT_ID": "id", "OAUTH_CLIENT_SECRET": "s"}
    settings = load_settings(ROOT / "configs" / "space_config.json", environ)
    assert settings.server.public_origin == "https://you-holdfast.hf.space" and settings.server.port == 7860
    assert settings.auth.frame_ancestors == ["https://huggingface.co"] and settings.auth.mode != "local"
    assert (settings.auth.oauth.client_id, settings.journal.data) == ("id", "/data")


def test_nginx_timeouts_are_longer_than_the_heartbeat() -> None:
    text = (DEPLOY / "nginx" / "holdfast.conf").read_text()
    socket = Settings().socket
    for name in ("proxy_read_timeout", "proxy_send_timeout"):
        (seconds,) = re.findall(rf"^\s*{name} (\d+)s;", text, re.MULTILINE)
        assert int(seconds) > socket.ping_interval_s + socket.ping_timeout_s
    assert "proxy_buffering off;" in text
