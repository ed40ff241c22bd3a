"""Built-in values: a server process of the tests is given others by this hook. In a test's own process `monkeypatch` does it."""

import importlib
from typing import Any

from tests.faults.harness.order import Hook


def constants(values: dict[str, Any]) -> Hook:
    """For `ServerProcess(hooks=...)`: constants by their dotted paths, and their values."""
    return Hook("tests.support.constants:set_constants", {"values": values})


def set_constants(values: dict[str, Any]) -> None:
    """Give module constants, each by its dotted path, another value. Raises AttributeError for one that is not there."""
    for path, value in values.items():
        module, _, name = path.rpartition(".")
        holder = importlib.import_module(module)
        getattr(holder, name)
        setattr(holder, name, value)
