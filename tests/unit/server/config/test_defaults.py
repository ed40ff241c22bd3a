"""Defaults: each is written once, in a settings class or in the protocol's limits; nothing else repeats the number."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agent.util.settings import SettingsGroup
from protocol.limits import Limits
from server.config import settings
from tests.support.paths import ROOT

COMMON = (0, 1, 2, 3, 5, 10, 20, 30)
"""Values that many things have, without being the same thing."""


class Default(NamedTuple):
    """A number that is written as a default or as a constant: where, under which name, and for a field, of which class."""

    place: str
    owner: str
    name: str
    value: float


def settings_classes() -> set[str]:
    """The names of the classes that define defaults: all that the settings are composed of, and the protocol's limits."""
    assert settings.Settings.__base__ is SettingsGroup
    found, waiting = {Limits.__name__}, [SettingsGroup]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        found |= {kind.__name__ for kind in subclasses}
        waiting += subclasses
    return found


def defaults(source: Path) -> Iterator[Default]:
    """The numbers in a file that are defaults of fields and parameters, or constants."""
    place = str(source.relative_to(ROOT))
    yield from _defaults(ast.parse(source.read_text(encoding="utf-8")), place, "")


def _defaults(parent: ast.AST, place: str, owner: str) -> Iterator[Default]:
    for node in ast.iter_child_nodes(parent):
        pairs: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            pairs = [(node.target.id, node.value)]
        elif isinstance(node, ast.Assign):
            pairs = [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args][-len(node.defaults) :] if node.defaults else []
            pairs = [(arg.arg, value) for arg, value in zip(positional, node.defaults, strict=True)]
            pairs += [(arg.arg, value) for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
        for name, value in pairs:
            number = _number(value)
            if number is not None and number not in COMMON:
                yield Default(f"{place}:{node.lineno if hasattr(node, 'lineno') else 0}", owner, name, number)
        yield from _defaults(node, place, node.name if isinstance(node, ast.ClassDef) else owner)


def _number(value: ast.expr | None) -> float | None:
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Pow):
        base, exponent = _number(value.left), _number(value.right)
        return None if base is None or exponent is None else base**exponent
    if isinstance(value, ast.Constant) and isinstance(value.value, int | float) and not isinstance(value.value, bool):
        return value.value
    return None


def words(name: str) -> set[str]:
    """A name without its unit and its bound."""
    return set(name.lower().strip("_").split("_")) - {"max", "min", "s", "bytes", "chars", "tokens", "default", "per"}


def repeated(found: list[Default]) -> list[str]:
    """The defaults of settings that are written again: the same number under the same name, or one that is a part of it."""
    classes = settings_classes()
    own = [one for one in found if one.owner in classes]
    faults = []
    for one in own:
        for other in found:
            if other.owner == one.owner or other.value != one.value:
                continue
            if other.owner in classes and Limits.__name__ not in (one.owner, other.owner):
                continue  # two settings of one value: each may be changed alone
            mine, theirs = words(one.name), words(other.name)
            if theirs == mine or (len(theirs & mine) > 1 and (theirs <= mine or mine <= theirs)):
                faults.append(f"{one.place} {one.name} and {other.place} {other.name}: {one.value}")
    return faults


def test_no_default_of_a_setting_is_written_twice() -> None:
    sources = [path for package in ("agent", "server", "protocol") for path in (ROOT / package).rglob("*.py")]
    assert repeated([default for source in sources for default in defaults(source)]) == []


def test_a_second_default_is_found() -> None:
    one = Default("a.py:1", "TurnSettings", "max_iterations", 50)
    for second in (
        Default("b.py:1", "Rules", "max_iterations", 50),
        Default("b.py:1", "", "MAX_ITERATIONS", 50),
        Default("b.py:1", "Limits", "max_iterations", 50),
    ):
        assert repeated([one, second]) != [], second
    assert repeated([one, Default("b.py:1", "Rules", "max_iterations", 51)]) == []
    assert repeated([one, Default("b.py:1", "Rules", "max_replies", 50)]) == []
