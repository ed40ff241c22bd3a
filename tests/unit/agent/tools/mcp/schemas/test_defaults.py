"""Defaults of required arguments: filled in where they are missing, at every depth, within a bound."""

from typing import Any

from agent.tools.mcp.schemas import defaults
from agent.tools.mcp.schemas.defaults import with_defaults

PICTURE: dict[str, Any] = {
    "properties": {
        "scale": {"enum": ["css", "device"], "default": "css"},
        "name": {"type": "string"},
        "color": {"default": "red"},
        "marks": {"items": {"properties": {"size": {"default": 3}}, "required": ["size"]}},
    },
    "required": ["scale", "name"],
}


def test_what_is_required_and_missing_gets_its_default_and_nothing_else_does() -> None:
    assert with_defaults(PICTURE, {}) == {"scale": "css"}
    assert with_defaults(PICTURE, {"scale": None, "name": "a"}) == {"scale": None, "name": "a"}


def test_objects_in_lists_are_filled_in_too_and_the_arguments_stay_as_they_were() -> None:
    given: dict[str, object] = {"marks": [{}, {"size": 4}, 5]}
    assert with_defaults(PICTURE, given) == {"scale": "css", "marks": [{"size": 3}, {"size": 4}, 5]}
    assert given == {"marks": [{}, {"size": 4}, 5]}


def test_odd_schemas_change_nothing() -> None:
    odd: list[dict[str, Any]] = [
        {},
        {"properties": 1},
        {"properties": {"a": True}, "required": ["a", 3, []]},
        {"properties": {}, "required": "a"},
    ]
    for schema in odd:
        assert with_defaults(schema, {"b": 1}) == {"b": 1}


def test_large_arguments_are_filled_in_only_so_far() -> None:
    many: dict[str, object] = {"marks": [{}] * defaults.STEPS_MAX}
    filled: Any = with_defaults(PICTURE, many)["marks"]
    assert filled[0] == {"size": 3} and filled[-1] == {}
