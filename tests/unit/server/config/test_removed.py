"""Removed settings: each is refused with its built-in value, which is the constant's; and few are left."""

import json
import pkgutil
from pathlib import Path

import pytest

from server.config import catalog
from server.config.loader import SettingsError, load_settings
from server.config.removed import REMOVED

SETTINGS_MAX = 150
"""More than anybody reads. What has a good value for all is a constant."""


@pytest.mark.parametrize("key", REMOVED)
def test_a_removed_setting_is_refused_with_its_built_in_value(key: str, tmp_path: Path) -> None:
    config = tmp_path / "my.json"
    tree: dict[str, object] = {}
    place = tree
    *groups, name = key.split(".")
    for group in groups:
        place[group] = place = {}
    place[name] = "${VALUE:-1}"
    config.write_text(json.dumps(tree))
    value = pkgutil.resolve_name(REMOVED[key].constant)
    with pytest.raises(SettingsError) as error:
        load_settings(config, {})
    assert str(error.value) == (
        f"{config}: {key}: this setting was removed; the value {json.dumps(value)} is built in; delete the line"
    )


def test_there_are_few_settings() -> None:
    assert len(catalog.settings()) <= SETTINGS_MAX, "let one be a constant that nobody who runs a server would turn"


def test_no_removed_setting_is_a_setting() -> None:
    assert not {setting.key for setting in catalog.settings()} & set(REMOVED)
