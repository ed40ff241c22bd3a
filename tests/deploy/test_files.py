"""Deployment files: what the Dockerfile and the Space's files name is there, and fits the hosts. No image is built here."""

import json
import re
import subprocess

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

from server.config.loader import load_settings, shipped_config
from server.config.settings import Settings
from server.transport.websocket import PING_TIMEOUT_S
from tests.support.paths import ROOT
from tests.support.wheel import packages

DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
Instructions = list[tuple[str, str]]


def stages() -> dict[str, tuple[str, Instructions]]:
    """Each stage by its name: the image or stage that it is made from, and its instructions with their continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found: dict[str, tuple[str, Instructions]] = {}
    inside: Instructions = []
    for kind, _, words in (line.partition(" ") for line in joined.splitlines() if line):
        if kind == "FROM":
            base, _, name = words.partition(" AS ")
            inside = []
            found[name] = (base, inside)
        else:
            inside.append((kind, words.strip()))
    return found


def image(kind: str) -> dict[str, list[str]]:
    """The instructions of the image that is built `FOR` this kind, those of the stages below it first."""
    found, every = stages(), dict[str, list[str]]()
    assert found[""] == ("${FOR}", []) and re.search(r"^ARG FOR=host$", DOCKERFILE.read_text(), re.MULTILINE)
    base, own = found[kind]
    for name, words in [*found[base][1], *own]:
        every.setdefault(name, []).append(words)
    return every


@pytest.mark.parametrize("kind", ["host", "space"])
def test_an_image_runs_as_an_ordinary_user_and_stops_on_sigterm(kind: str) -> None:
    built = image(kind)
    assert (built["USER"], built["EXPOSE"], built["STOPSIGNAL"]) == (["1000"], ["7860"], ["SIGTERM"])
    environment = " ".join(built["ENV"]).split()
    assert {"PORT=7860", "HOLDFAST_HOST=0.0.0.0", "HOLDFAST_DATA=/data"} <= set(environment)
    assert f"HOLDFAST_AUTH={'tokens' if kind == 'host' else 'oauth'}" in environment
    (words,) = built["CMD"]
    command = json.loads(words)
    assert command[:2] == ["holdfast", "serve"], "in exec form: a shell would not pass the signal on"
    if kind == "space":
        assert f"configs/space_config.json {command[command.index('--config') + 1]}" in built["COPY"]
    (health,) = built["HEALTHCHECK"]
    assert "/livez" in health
    compile(json.loads(health.partition("CMD ")[2])[2], "healthcheck", "exec")


def test_an_image_is_built_in_stages_of_all_that_the_server_is_made_of() -> None:
    found = stages()
    assert list(found) == ["build", "base", "host", "space", ""]
    copied = [words for kind, words in found["build"][1] if kind == "COPY"]
    sources = [word for words in copied for word in words.split()[:-1]]
    assert all((ROOT / source).exists() for source in sources)
    assert {*packages(), "pyproject.toml", "requirements.lock", "README.md"} == set(sources)
    installed = " ".join(words for kind, words in found["base"][1] if kind == "RUN")
    assert not re.search(r"\b(gcc|build-essential|clang)\b", installed)


def test_the_constraints_of_an_image_are_the_versions_of_the_lock() -> None:
    script = re.search(r"sed (.+?) requirements\.lock", DOCKERFILE.read_text())
    assert script is not None
    made = subprocess.run(
        f"sed {script[1]} requirements.lock", shell=True, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    lines = [line for line in made.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) > 50
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^\s\\]+( ; .+)?", line.rstrip()) for line in lines)


def test_a_space_has_its_header_and_a_config_that_loads_with_the_platforms_variables() -> None:
    header = (DEPLOY / "space" / "README.md").read_text().split("---")[1]
    fields = dict(line.split(": ", 1) for line in header.strip().splitlines())
    assert (fields["sdk"], fields["app_port"], fields["hf_oauth"]) == ("docker", "7860", "true")
    environ = {"SPACE_HOST": "you-holdfast.hf.space", "OAUTH_CLIENT_ID": "id", "OAUTH_CLIENT_SECRET": "s"}
    settings = load_settings(ROOT / "configs" / "space_config.json", environ)
    assert settings.server.public_address == "https://you-holdfast.hf.space" and settings.server.port == 7860
    assert settings.auth.frame_ancestors == ["https://huggingface.co"] and settings.auth.mode != "local"
    assert (settings.auth.oauth.client_id, settings.journal.data) == ("id", "/data")


def test_nginx_timeouts_are_longer_than_the_heartbeat() -> None:
    text = (DEPLOY / "nginx" / "holdfast.conf").read_text()
    socket = Settings().socket
    for name in ("proxy_read_timeout", "proxy_send_timeout"):
        (seconds,) = re.findall(rf"^\s*{name} (\d+)s;", text, re.MULTILINE)
        assert int(seconds) > socket.ping_interval_s + PING_TIMEOUT_S
    assert "proxy_buffering off;" in text


def test_the_compose_file_names_what_is_there_and_settings_that_are_known() -> None:
    folder = DEPLOY / "compose"
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    services = compose["services"]
    nodes = [name for name, service in services.items() if service.get("image") == "holdfast"]
    proxy = (folder / "nginx.conf").read_text()
    assert nodes == re.findall(r"^    server (\w+):7860 ", proxy, re.MULTILINE) and len(nodes) == 3
    known = set(re.findall(r"\$\{(\w+)", shipped_config().read_text()))
    for name in nodes:
        environment = services[name]["environment"]
        assert environment["HOLDFAST_NODE_NAME"] == name
        assert {one for one in environment if one.startswith("HOLDFAST_")} <= known
        assert (
            folder / services[name]["build"]["context"] / services[name]["build"]["dockerfile"]
        ) == folder / "../../deploy/Dockerfile"
        assert set(services[name]["depends_on"]) <= services.keys()
        volumes = dict(reversed(one.split(":")) for one in services[name]["volumes"])
        assert volumes["/data"] == name and volumes[environment["HOLDFAST_SHARED_FOLDER"]] in compose["volumes"]
    assert "postgres" in image_extras(), "the image has the driver"
    (user,) = image("host")["USER"]
    shared = services[nodes[0]]["environment"]["HOLDFAST_SHARED_FOLDER"]
    assert services["files"]["command"] == ["chown", f"{user}:{user}", shared]
    assert (folder / services["proxy"]["volumes"][0].partition(":")[0]).exists()
    several = (DEPLOY / "nginx" / "nodes.conf").read_text()
    several = re.sub(r"127\.0\.0\.1:786(\d)", r"node\1:7860 resolve", several[several.index("map ") :])
    for line in several.splitlines():
        assert line in proxy.splitlines(), "both say the same of several servers"
    # Containers that are made anew have other addresses; and the database, while it is set up, answers by its socket alone.
    assert "resolver 127.0.0.11 " in proxy and "zone holdfast" in proxy
    assert "pg_isready -h 127.0.0.1 " in services["database"]["healthcheck"]["test"][1]


def image_extras() -> list[str]:
    """The extras of the package that the image has."""
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert '".[${EXTRAS}]"' in DOCKERFILE.read_text()
    return str(extras).split(",")
