"""Entries of `mcpServers`: as other clients write them, refused where they cannot work, and which parts are secret."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.tools.mcp.results import file_path
from agent.tools.mcp.settings import entry_secrets
from server.config.loader import SettingsError, load_settings
from server.telemetry.secrets import KnownSecrets
from tests.unit.agent.tools.mcp.servers import entry


def load(folder: Path, servers: object, **environ: str) -> Any:
    config = folder / "c.json"
    config.write_text(json.dumps({"mcpServers": servers}))
    return load_settings(config, environ).mcp_servers


def test_an_entry_is_written_as_every_client_writes_it(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        {
            "time": {"command": "uvx", "args": ["mcp-server-time"], "env": {"TZ": "${ZONE:-UTC}"}},
            "hub": {"type": "http", "url": "https://hub.example/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}},
        },
        TOKEN="t0ken",
    )
    assert found["time"].env == {"TZ": "UTC"} and found["time"].is_shared
    assert found["hub"].headers == {"Authorization": "Bearer t0ken"}
    assert not entry(command="x", owner_token=True).is_shared


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({}, "write either"),
        ({"command": "a", "url": "https://a"}, "write either"),
        ({"url": "https://a", "type": "sse"}, "sse is not spoken"),
        ({"url": "https://a", "transport": "stdio"}, "is spoken to by http"),
        ({"command": "a", "type": "http"}, "is spoken to by stdio"),
        ({"url": "ftp://a"}, "must begin with https://"),
        ({"url": "https://[a"}, "cannot be read"),
        ({"url": "https://a", "headers": {"A b": "c"}}, "no HTTP header"),
        ({"url": "https://a", "headers": {"A": "b\r\nC: d"}}, "no HTTP header"),
        ({"command": "a", "env": {"A=": "b"}}, "no name of a variable"),
        ({"command": "a", "owner_token": True, "shared": True}, "exclude each other"),
        ({"url": "http://far.example", "owner_token": True}, "use https"),
        ({"command": "a", "trustd": True}, "did you mean mcpServers.odd.trusted?"),
        ({"command": "a", "call_timeout_s": 0}, "mcpServers.odd.call_timeout_s: expected float > 0"),
    ],
)
def test_an_entry_that_cannot_work_is_refused_with_its_name(tmp_path: Path, fault: object, complaint: str) -> None:
    with pytest.raises(SettingsError, match=r"mcpServers\.odd") as refused:
        load(tmp_path, {"good": {"command": "x"}, "odd": fault})
    assert complaint in str(refused.value)


def test_secrets_of_a_server_entry_are_known(tmp_path: Path) -> None:
    servers = {
        "a": {"command": "x", "env": {"ACME_API_KEY": "acme-secret-1", "LEVEL": "verbose-mode"}},
        "b": {
            "command": "x",
            "args": ["--token", "argument-secret-2", "--api-key=argument-secret-3", "--name", "plainly-said"],
        },
        "c": {"url": "https://u:password-4-x@a.example/?api_key=query-secret-5&page=page-number-one"},
        "d": {
            "url": "https://a.example",
            "headers": {"Authorization": "Bearer header-secret-6", "X-Team": "team-of-all"},
        },
    }
    config = tmp_path / "c.json"
    config.write_text(json.dumps({"mcpServers": servers}))
    redact = KnownSecrets(load_settings(config, {}), {}).for_sessions.redact
    for secret in (
        "acme-secret-1",
        "argument-secret-2",
        "argument-secret-3",
        "password-4-x",
        "query-secret-5",
        "header-secret-6",
    ):
        assert "[redacted" in redact(f"it is {secret}") and secret not in redact(f"it is {secret}"), secret
    for plain in ("verbose-mode", "plainly-said", "page-number-one", "team-of-all"):
        assert redact(plain) == plain
    assert redact("Authorization: Bearer header-secret-6") == "Authorization: [redacted: Authorization of d]"


def test_an_entry_without_secrets_has_none() -> None:
    assert [value for _, value in entry_secrets(entry(command="npx", args=["-y", "server"])) if value] == []


@pytest.mark.parametrize(
    ("uri", "mime_type", "begins", "ends"),
    [
        ("", "image/png", "mcp/draw_it-", ".png"),
        ("", "image/jpeg; q=1", "mcp/draw_it-", ".jpg"),
        ("", "no/such+thing", "mcp/draw_it-", ".bin"),
        ("file:///home/somebody/report.final.PDF", "", "mcp/report_final-", ".PDF"),
        ("file:///../../etc/passwd", "text/plain", "mcp/passwd-", ".txt"),
        ("x://y/..%2f..%2f.ssh%2fid", "", "mcp/id-", ".bin"),
        ("x://y/%00%0a.sh%20", "", "mcp/sh-", ".bin"),
        ("http://[", "text/html", "mcp/draw_it-", ".html"),
        ("x://y/" + "a" * 500, "", "mcp/aaaa", ".bin"),
    ],
)
def test_files_have_safe_names(uri: str, mime_type: str, begins: str, ends: str) -> None:
    path = file_path("draw it", "a" * 64, mime_type, uri)
    assert path.startswith(begins) and path.endswith(ends)
    assert path.count("/") == 1 and ".." not in path and path.isascii() and len(path) < 100
    assert path == file_path("draw it", "a" * 64, mime_type, uri) != file_path("draw it", "b" * 64, mime_type, uri)
