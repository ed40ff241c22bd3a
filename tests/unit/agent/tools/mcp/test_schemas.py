"""Schemas of MCP tools: as models get them, and as arguments are checked with them."""

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


def test_top_level_keywords_refused_by_providers_are_hidden_but_validated() -> None:
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
def test_a_schema_that_providers_refuse_is_reported(schema: dict[str, Any]) -> None:
    with pytest.raises(UnusableSchema):
        model_schema(schema)


def test_an_oversized_schema_is_reduced_to_its_argument_names() -> None:
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


def test_errors_name_the_fault_and_its_place_and_are_short() -> None:
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


def test_an_invalid_schema_is_refused() -> None:
    with pytest.raises(UnusableSchema, match="not a JSON Schema"):
        ArgumentsValidator({"properties": {"a": {"type": "strange"}}})
    assert json.dumps(model_schema({"properties": {"a": {"type": "strange"}}}))
