"""Schemas of servers as models are told them, and as arguments are held against them."""

import json
from typing import Any

import pytest

from agent.tools.mcp.schemas import ArgumentsValidator, UnusableSchema, model_schema

TREE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {
        "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "$defs": {"type": "string"}}}
    },
    "properties": {"root": {"$ref": "#/$defs/Node", "description": "Where it begins."}},
    "required": ["root", "unknown"],
}


def test_references_are_written_out_and_what_leads_into_itself_is_anything() -> None:
    assert model_schema(TREE) == {
        "type": "object",
        "properties": {
            "root": {
                "type": "object",
                "properties": {"next": {}, "$defs": {"type": "string"}},
                "description": "Where it begins.",
            }
        },
        "required": ["root"],
    }


def test_what_providers_refuse_at_the_top_is_not_told_and_is_checked_all_the_same() -> None:
    schema = {"type": "object", "properties": {"a": {}, "b": {}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert model_schema(schema) == {"type": "object", "properties": {"a": {}, "b": {}}}
    assert ArgumentsValidator(schema).validate({"a": 1}) is None
    assert ArgumentsValidator(schema).validate({}) is not None


def test_an_empty_schema_is_an_object_without_arguments() -> None:
    assert model_schema({}) == {"type": "object", "properties": {}}


def test_values_in_a_schema_are_left_as_they_are() -> None:
    schema = {"properties": {"a": {"default": {"$ref": "#/x", "$id": 1}, "enum": ["$defs"]}}}
    assert model_schema(schema)["properties"] == schema["properties"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array"},
        {"properties": {"what is it?": {}}},
        {"properties": {"a": {"description": "x" * 200_000}}},
    ],
)
def test_a_schema_that_no_provider_takes_is_said_to_be_so(schema: dict[str, Any]) -> None:
    with pytest.raises(UnusableSchema):
        model_schema(schema)


def test_one_that_would_be_too_large_is_told_by_its_arguments_names() -> None:
    defs: dict[str, Any] = {"n0": {"type": "string"}}
    for level in range(1, 20):
        below = {"$ref": f"#/$defs/n{level - 1}"}
        defs[f"n{level}"] = {"properties": {"left": below, "right": below}}
    schema = {
        "$defs": defs,
        "properties": {"tree": {"$ref": "#/$defs/n19", "description": "Many."}},
        "required": ["tree"],
    }
    assert model_schema(schema) == {
        "type": "object",
        "properties": {"tree": {"description": "Many."}},
        "required": ["tree"],
    }


def test_complaints_say_what_and_where_and_are_short() -> None:
    arguments = ArgumentsValidator(TREE)
    assert arguments.validate({"root": {"next": {"next": 3}}, "unknown": 1}) == (
        "3 is not of type 'object' - at `$.root.next.next`"
    )
    long = arguments.validate({"root": ["x" * 10_000], "unknown": 1})
    assert long is not None and len(long) < 600


def test_no_reference_is_fetched() -> None:
    elsewhere = {"properties": {"a": {"$ref": "http://169.254.169.254/schema"}, "b": {"$ref": "file:///etc/passwd"}}}
    assert ArgumentsValidator(elsewhere).validate({"a": 1, "b": 2}) is None
    assert model_schema(elsewhere) == {"type": "object", "properties": {"a": {}, "b": {}}}


def test_what_is_no_schema_is_refused() -> None:
    with pytest.raises(UnusableSchema, match="not a JSON Schema"):
        ArgumentsValidator({"properties": {"a": {"type": "strange"}}})
    assert json.dumps(model_schema({"properties": {"a": {"type": "strange"}}}))
