"""docs/configuration.md, held against the code."""

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


def test_the_tables_are_what_the_code_says() -> None:
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
            assert setting.unit, f"{setting.key}: end its name in a unit, or add it to settings_index.UNITS_BY_KEY"
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
