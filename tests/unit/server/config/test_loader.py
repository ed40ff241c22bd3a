"""Config loader: variables are filled in, and an error names the file, the key and the fault."""

import contextlib
import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.policy.effects import Effects
from agent.policy.policy import evaluate
from protocol.limits import Limits
from server.config import catalog
from server.config.interpolation import MAX_DEPTH, InterpolationError, interpolate
from server.config.loader import SettingsError, load_settings
from server.config.settings import Settings
from server.config.sockets import SocketSettings
from server.journal.settings import JournalSettings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "my.json"


def load(config: Path, text: str | dict[str, object], **environ: str) -> Settings:
    config.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return load_settings(config, environ)


def complaint(config: Path, text: str | dict[str, object], **environ: str) -> str:
    with pytest.raises(SettingsError) as error:
        load(config, text, **environ)
    message = str(error.value)
    assert "\n" not in message
    prefix = f"{config}: "
    assert message.startswith(prefix)
    return message.removeprefix(prefix)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${A}", "a"),
        ("<${A}|${B:-b}>", "<a|b>"),
        ("${EMPTY}", ""),
        ("${EMPTY:-default}", "default"),
        ("${NONE:-}", ""),
        ("${NONE:-${A}}", "a"),
        ("${NONE:-${ALSO_NONE:-x}y}", "xy"),
        ("${A:-${NONE}}", "a"),
        ("${NONE:-{x}", "{x"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("${NONE:-$${A}}", "${A}"),
        ("$A $ {A} $", "$A $ {A} $"),
        ("${HOSTILE}", "${A} $${A} }"),
        ("}", "}"),
    ],
)
def test_variables_are_substituted(text: str, filled: str) -> None:
    environ = {"A": "a", "EMPTY": "", "HOSTILE": "${A} $${A} }"}
    assert interpolate(text, environ) == filled


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("${NONE}", "NONE is not set"),
        ("${NONE:-${ALSO_NONE}}", "ALSO_NONE is not set"),
        ("${A", "`${A` must go on with `}` or `:-default}`"),
        ("${A:-x", "no closing `}`"),
        ("${}", "the name of a variable"),
        ("${1}", "the name of a variable"),
        ("${A?x}", "must go on with"),
        ("${NONE:-" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1), "nested deeper"),
    ],
)
def test_a_variable_without_value_and_default_is_an_error(text: str, fault: str) -> None:
    with pytest.raises(InterpolationError) as error:
        interpolate(text, {"A": "a"})
    assert fault in str(error.value)


@given(st.text().filter(lambda text: "${" not in text))
def test_a_dollar_without_a_brace_stays_as_it_is(text: str) -> None:
    assert interpolate(text, {}) == text


@given(st.text(alphabet="${}:-AB x"))
def test_any_text_is_substituted_or_refused(text: str) -> None:
    with contextlib.suppress(InterpolationError):
        assert "${A}" not in interpolate(text.replace("$$", ""), {"A": "${B}"})


@given(st.text())
def test_a_substituted_value_is_not_substituted_again(value: str) -> None:
    assert interpolate("${A}", {"A": value}) == value


def test_an_empty_file_gives_the_defaults(config: Path) -> None:
    assert load(config, {}) == Settings()


def test_variables_become_numbers_and_booleans_where_the_setting_is_one(config: Path) -> None:
    text = {
        "server": {"port": "${PORT:-7860}", "preload_model": "${PRELOAD:-false}"},
        "turn": {"compact_at": "${AT:-0.5}"},
        "model": {"models": ["${FIRST:-a}", "b"]},
    }
    settings = load(config, text, PORT="8000")
    assert settings.server.port == 8000
    assert settings.server.preload_model is False
    assert settings.turn.compact_at == 0.5
    assert settings.model.models == ["a", "b"]


def test_the_command_line_overrides_the_file(config: Path) -> None:
    config.write_text('{"server": {"port": 1, "host": "localhost"}}')
    settings = load_settings(config, {}, {"server.port": 2, "model.model": "demo"})
    assert (settings.server.port, settings.server.host, settings.model.model) == (2, "localhost", "demo")
    with pytest.raises(SettingsError, match=r"^command line: server\.port: expected int <= 65535, but it is 70000$"):
        load_settings(config, {}, {"server.port": 70_000})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"server": {"port" 1}}', "line 1 column 20: not JSON: Expecting ':' delimiter"),
        ('{\n "server": nope}', "line 2 column 12: not JSON: Expecting value"),
        ("", "line 1 column 1: not JSON: "),
        ("[1]", "must be a JSON object of settings"),
        ('{"server": {"port": NaN}}', "not JSON: NaN is not a number"),
        ('{"server": {"port": 1, "port": 2}}', "the key 'port' is given twice"),
        ("[" * 100_000, "nested deeper than"),
        ('{"a":' * 100 + "1" + "}" * 100, "nested deeper than"),
        ('{"server": {"prot": 1}}', "server.prot: there is no such setting; did you mean server.port?"),
        ('{"port": 1}', "port: there is no such setting; did you mean server.port?"),
        ('{"sevrer": {}}', "sevrer: there is no such setting; did you mean server?"),
        ('{"metrics": {"zzz": 1}}', "metrics.zzz: there is no such setting; metrics has enabled"),
        (
            '{"model": {"calls": {"retries": 1}}}',
            "model.calls.retries: there is no such setting; did you mean model.calls.max_retries?",
        ),
        ('{"server": {"port": "x"}}', 'server.port: expected int, but it is "x"'),
        ('{"server": {"port": 1.5}}', "server.port: expected int, but it is 1.5"),
        ('{"server": {"port": null}}', "server.port: expected int"),
        ('{"server": {"port": 70000}}', "server.port: expected int <= 65535, but it is 70000"),
        ('{"server": {"port": -1}}', "server.port: expected int >= 0, but it is -1"),
        ('{"server": []}', "server: expected object"),
        (
            '{"server": {"log_level": "loud"}}',
            'server.log_level: expected one of debug, error, info, warning, but it is "loud"',
        ),
        ('{"auth": {"mode": "none"}}', "auth.mode: expected one of bearer, local, oauth, tokens, "),
        ('{"auth": {"allowed_hosts": ["http://x"]}}', "auth: allowed_hosts: 'http://x' is no host name"),
        ('{"model": {"models": ["a", 3]}}', "model.models.1: expected str | object, but it is 3"),
        ('{"socket": {"heartbeat_s": 21}}', "socket.heartbeat_s: expected float <= 20.0, but it is 21"),
        ('{"socket": {"heartbeat_s": "nan"}}', "socket.heartbeat_s: expected float"),
        ('{"socket": {"inbound_message_bytes": 16000000}}', "socket: outbound_frame_bytes must be 96065536 or more"),
        ('{"socket": {"outbound_frame_bytes": 2097152}}', "socket: outbound_frame_bytes must be 6356992 or more"),
        ('{"server": {"port": "${NONE}"}}', "server.port: the environment variable NONE is not set; set it, or write "),
        ('{"model": {"models": ["a", "${NONE}"]}}', "model.models.1: the environment variable NONE is not set"),
        ('{"server": {"port": "${PORT}"}}', 'expected int, but it is "eighty" (from the environment variable PORT)'),
    ],
)
def test_an_error_names_its_place(config: Path, text: str, fault: str) -> None:
    assert fault in complaint(config, text, PORT="eighty")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, fault in ((tmp_path / "none.json", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError) as error:
            load_settings(path, {})
        assert str(error.value) == f"{path}: cannot be read: {os.strerror(2 if fault[0] == 'N' else 21)}"


def test_bytes_that_are_not_utf8_are_named_by_line(config: Path) -> None:
    config.write_bytes(b'{\n"server":\xff}')
    with pytest.raises(SettingsError, match="line 2: not UTF-8"):
        load_settings(config, {})


def test_a_file_that_is_too_large_is_refused(config: Path) -> None:
    config.write_bytes(b" " * 2_000_000)
    with pytest.raises(SettingsError, match="larger than"):
        load_settings(config, {})


def test_the_value_of_a_secret_is_never_shown(config: Path) -> None:
    message = complaint(config, {"model": {"calls": {"api_key": 123456789}}})
    assert message == "model.calls.api_key: expected str"
    message = complaint(config, {"journal": {"url": "mysql://ann:s3cret@host/work"}})
    assert message.startswith("journal: url (HOLDFAST_JOURNAL_URL) is no address of PostgreSQL")
    assert "s3cret" not in message
    assert catalog.secret("model.calls.api_key")
    assert catalog.secret("journal.url")
    assert not catalog.secret("turn.tool_output_max_tokens")


def test_the_limits_that_clients_see_come_from_the_settings() -> None:
    assert Settings().limits() == Limits()
    changed = Settings(socket=SocketSettings(frames_per_s=7, heartbeat_s=3.0)).limits()
    assert (changed.frames_per_s, changed.heartbeat_s) == (7, 3.0)


def test_every_setting_has_a_default_and_can_be_written_in_a_file(config: Path) -> None:
    tree: dict[str, object] = {}
    for setting in catalog.settings():
        *groups, name = setting.key.split(".")
        if catalog.NAME in groups:
            continue  # of an entry that an operator makes; there is none by default
        place = tree
        for group in groups:
            place = place.setdefault(group, {})  # type: ignore[assignment]  # a tree of groups
        place[name] = json.loads(setting.default)
    assert load(config, tree) == Settings()


def test_a_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert JournalSettings(data="~/sessions").folder == Path("/home/somebody/sessions")
    assert JournalSettings(data="./data").folder == Path("data")


def test_older_keys_at_the_top_level_mean_what_they_always_did(config: Path) -> None:
    loaded = load(config, '{"yolo_mode": "${Y}", "confirm_cpu_jobs": false, "auto_file_upload": true}', Y="true").policy
    assert (loaded.yolo_mode, loaded.confirm_cpu_jobs, loaded.auto_file_upload) == (True, False, True)
    kept = load(config, '{"save_sessions": true, "session_dataset_repo": "{user}/mine"}').export
    assert (kept.save_sessions, kept.session_dataset_repo) == (True, "{user}/mine")
    upload = Effects("", frozenset({"upload"}), "upload")
    cautious = load(config, "{}").policy.policy()
    for policy, others in ((msgspec.structs.replace(loaded, yolo_mode=False).policy(), "allow"), (cautious, "ask")):
        for operation, expected in (
            ("run:cpu", others),
            ("run:cpu:token", others),
            ("run:gpu", "ask"),
            ("cancel", "ask"),
        ):
            job = Effects("", frozenset({"spend"}), operation, 0.1)
            assert evaluate(policy, "hf_jobs", {}, job).action == expected, operation
        assert evaluate(policy, "hf_repo", {}, upload).action == others
        assert evaluate(policy, "hf_repo", {}, Effects("", frozenset({"upload", "delete"}))).action == "ask"


def test_a_setting_under_both_of_its_names_is_refused(config: Path) -> None:
    message = complaint(config, '{"yolo_mode": true, "policy": {"yolo_mode": false}}')
    assert message == "yolo_mode: this is the same setting as policy.yolo_mode, which is given too; delete one of them"
    assert complaint(config, '{"yolo_mode": "perhaps"}').startswith("policy.yolo_mode: expected bool")
    assert complaint(config, '{"policy": 1, "yolo_mode": true}').startswith("policy")


SHARED: dict[str, object] = {
    "nodes": {"several": "${SEVERAL}"},
    "auth": {"secret": "x" * 32},
    "journal": {"url": "postgresql:///work"},
    "workspace": {"place": "shared", "shared_folder": "/mnt/files"},
}


@pytest.mark.parametrize(("secret", "fits"), [("", False), ("x" * 31, False), ("x" * 32, True)])
def test_several_servers_need_a_secret_that_they_share(config: Path, secret: str, fits: bool) -> None:
    text = {**SHARED, "auth": {"secret": secret}}
    if fits:
        assert load(config, text, SEVERAL="true").nodes.several
    else:
        assert "nodes.several needs auth.secret (HOLDFAST_SECRET)" in complaint(config, text, SEVERAL="true")
    assert not load(config, text, SEVERAL="false").nodes.several


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"workspace": {}}, "nodes.several needs workspace.place shared (HOLDFAST_WORKSPACES=shared)"),
        ({"workspace": {"place": "shared"}}, "shared_folder (HOLDFAST_SHARED_FOLDER) and place shared"),
        ({"workspace": {"shared_folder": "/mnt/files"}}, "go together: set both, or none"),
        ({"journal": {}}, "nodes.several needs journal.url (HOLDFAST_JOURNAL_URL)"),
        ({"journal": {}, "workspace": {}}, "nodes.several needs journal.url (HOLDFAST_JOURNAL_URL)"),
        ({"journal": {}, "nodes": {}}, "workspace.place shared is for servers on one database: set journal.url"),
    ],
)
def test_several_servers_need_a_folder_that_they_share(config: Path, change: dict[str, object], says: str) -> None:
    settings = load(config, SHARED, SEVERAL="true")
    assert (settings.files_folder, settings.journal.folder) == (Path("/mnt/files"), Path("data"))
    refused = complaint(config, {**SHARED, **change}, SEVERAL="true")
    assert says in refused and "\n" not in refused
