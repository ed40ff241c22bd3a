"""Configuration document: its tables are those of the code, and its examples load."""

import re
from pathlib import Path

import pytest

from protocol.spec.markdown import fill
from server.cli import generate
from server.config import catalog
from server.config.loader import SettingsError, load_settings, shipped_config
from server.config.settings import Settings
from tests.docs.documents import examples
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "configuration.md"


def test_the_tables_are_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert fill(text, generate.tables()) == text, f"docs/configuration.md is out of date: run `{generate.MEND}`"


def test_every_setting_is_on_the_page_with_a_meaning() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for setting in catalog.settings():
        assert f"| `{setting.key}` |" in text
        assert setting.meaning.endswith("."), setting.key


def test_the_errors_on_the_page_are_those_of_the_loader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mistakes = ['{"server": {"prot": 1}}', '{"server": {"port": "${PORT}"}}', '{\n\n"server": {}\n  "auth": {}}']
    (example,) = examples("docs/configuration.md", "text")
    monkeypatch.chdir(tmp_path)
    for line, text in zip(example.text.splitlines(), mistakes, strict=True):
        Path("my.json").write_text(text)
        with pytest.raises(SettingsError) as error:
            load_settings(Path("my.json"), {"PORT": "99999"})
        assert line == f"holdfast: error: {error.value}"


def test_every_number_has_a_unit_and_a_range() -> None:
    for setting in catalog.settings():
        if setting.type in ("integer", "number"):
            assert setting.unit, f"{setting.key}: end its name in a unit, or add it to catalog.UNITS_BY_KEY"
            assert setting.range, f"{setting.key} has no bounds"


def test_units_are_listed_for_settings_that_exist() -> None:
    assert set(catalog.UNITS_BY_KEY) <= {setting.key for setting in catalog.settings()}


def test_the_shipped_config_gives_the_defaults_of_the_page() -> None:
    assert load_settings(shipped_config(), {}) == Settings()


def test_the_page_names_the_variables_of_the_shipped_config() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = generate.environment()
    assert named["server.port"] == ["PORT"]
    for names in named.values():
        for name in names:
            assert f"`{name}`" in text


EXAMPLE = re.compile(r"^\*\*`([\w.]+)`\*\* .*?^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMON = PAGE.read_text(encoding="utf-8").partition("## Where settings come from")[0]


def test_fifteen_settings_come_first() -> None:
    assert len(EXAMPLE.findall(COMMON)) == COMMON.count("```json") == 15


@pytest.mark.parametrize(("key", "text"), EXAMPLE.findall(COMMON))
def test_the_example_of_a_common_setting_changes_it(key: str, text: str, tmp_path: Path) -> None:
    config = tmp_path / "my.json"
    config.write_text(text, encoding="utf-8")
    assert len(text.splitlines()) == 3
    changed, default = load_settings(config, {}), Settings()
    for name in key.replace("mcpServers", "mcp_servers").split("."):
        changed, default = getattr(changed, name), getattr(default, name)
    assert changed != default
