"""Built-in values: tests that need another value of what is no setting change the constant, until they end."""

import importlib
from collections.abc import Mapping
from typing import Any

import pytest

from server.config.removed import REMOVED
from tests.faults.harness.order import Hook

changed: dict[str, Any] = {}
"""The constants that the running test has changed, by their dotted paths. A server process of the test changes them too."""

_patch = pytest.MonkeyPatch()


def built_in(group: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among these of a group. For each of the others, which must be built in, its constant is set."""
    settings = dict(given)
    for name, value in given.items():
        if any(key.startswith(f"{group}.{name}.") for key in REMOVED):
            settings[name] = built_in(f"{group}.{name}", value)
        if f"{group}.{name}" in REMOVED:
            path = REMOVED[f"{group}.{name}"].constant
            del settings[name]
            _patch.setattr(path, value)
            changed[path] = value
    return settings


def restore() -> None:
    """Give all constants their own values again. Every test ends with it."""
    _patch.undo()
    changed.clear()


def constants(values: Mapping[str, Any]) -> Hook:
    """For `ServerProcess(hooks=...)`: constants by their dotted paths, and their values."""
    return Hook("tests.support.constants:set_constants", {"values": dict(values)})


def set_constants(values: dict[str, Any]) -> None:
    """Give module constants, each by its dotted path, another value. Raises AttributeError for one that is not there."""
    for path, value in values.items():
        module, _, name = path.rpartition(".")
        holder = importlib.import_module(module)
        getattr(holder, name)
        setattr(holder, name, value)
