"""Schemas of MCP tools: as models get them, and as arguments are checked with them."""

import json
from typing import Any

import pytest

from agent.tools.mcp.schemas.flat import UnusableSchema, model_schema
from agent.tools.mcp.schemas.validation import EXPRESSION_WORK_MAX, NOT_EXPLAINED, VALUES_MAX, ArgumentsValidator

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


def test_strict_providers_get_items_for_each_array_and_no_schema_that_is_true_or_null() -> None:
    tags: dict[str, Any] = {
        "a": {"type": "array"},
        "b": {"type": ["array", "null"]},
        "c": {"type": "array", "items": True},
        "d": {"type": "array", "items": [{"type": "string"}, {"type": "array"}]},
        "e": True,
        "f": {"anyOf": [True, {"type": "array", "description": "x"}]},
        "g": {"type": None, "properties": {"items": {"type": "string"}, "h": False}},
        "i": {"type": "object", "additionalProperties": False, "default": {"type": "array"}},
    }
    assert model_schema({"properties": tags})["properties"] == {
        "a": {"type": "array", "items": {}},
        "b": {"type": ["array", "null"], "items": {}},
        "c": {"type": "array", "items": {}},
        "d": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}},
        "e": {},
        "f": {"anyOf": [{}, {"type": "array", "description": "x", "items": {}}]},
        "g": {"properties": {"items": {"type": "string"}, "h": {}}},
        "i": tags["i"],
    }


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [(r"^\/v\d$", "/v1", "v1"), (r"^[\w-]+$", "a-b", "a b"), (r"^(?<y>\d{4})$", "2026", "26")],
)
def test_patterns_are_those_of_ecma_script(pattern: str, fits: str, fits_not: str) -> None:
    arguments = ArgumentsValidator({"properties": {"a": {"pattern": pattern}}})
    assert arguments.validate({"a": fits}) is None
    assert arguments.validate({"a": fits_not}) is not None


@pytest.mark.parametrize(
    "pattern", [r"^(?=a)", r"^(?<!a)b", r"[^]", r"\cA", r"^\p{L}+$", r"(?<x>a)\k<x>", "[", r"\u{1F600}"]
)
def test_a_pattern_that_cannot_be_checked_leaves_the_tool_and_the_other_checks(pattern: str) -> None:
    arguments = ArgumentsValidator({"properties": {"a": {"pattern": pattern, "type": "string"}}})
    assert arguments.validate({"a": 3}) is not None


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
        '3 is not of type "object" - at `$.root.next.next`'
    )
    long = arguments.validate({"root": ["x" * 10_000], "unknown": 1})
    assert long is not None and len(long) < 600


def test_a_pattern_is_checked_as_in_json_schema_and_one_with_backtracking_is_left_to_the_server() -> None:
    arguments = ArgumentsValidator(
        {
            "properties": {
                "day": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
                "word": {"pattern": r"^(?!no).*$"},
                "twice": {"pattern": r"(.)\1", "minLength": 2},
            }
        }
    )
    assert arguments.validate({"day": "2026-11", "word": "no", "twice": "ab"}) is None
    assert (arguments.validate({"day": "11/2026"}) or "").endswith("- at `$.day`")
    assert arguments.validate({"twice": "a"}) is not None


def test_a_pattern_that_is_too_large_is_left_to_the_server() -> None:
    arguments = ArgumentsValidator({"properties": {"a": {"type": "string", "pattern": "^(a|b){5000}$"}}})
    assert arguments.validate({"a": "x"}) is None
    assert arguments.validate({"a": 1}) is not None


def test_names_that_match_a_pattern_left_out_are_not_refused_as_additional() -> None:
    schema = {"patternProperties": {"(?=x)y": {}}, "additionalProperties": False}
    assert ArgumentsValidator(schema).validate({"xy": 1}) is None
    assert ArgumentsValidator({"patternProperties": {"^x": {}}, "additionalProperties": False}).validate({"y": 1})


def test_keywords_beside_a_reference_count_in_the_drafts_that_say_so() -> None:
    schema = {"$defs": {"a": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a", "minLength": 2}}}
    assert ArgumentsValidator(schema).validate({"a": "x"}) is not None
    assert ArgumentsValidator(schema).validate({"a": 1}) is not None
    old = {**schema, "$schema": "http://json-schema.org/draft-07/schema#"}
    assert ArgumentsValidator(old).validate({"a": "x"}) is None
    assert ArgumentsValidator(old).validate({"a": 1}) is not None


def doubled(levels: int) -> dict[str, Any]:
    defs: dict[str, Any] = {f"n{level}": {"allOf": [{"$ref": f"#/$defs/n{level + 1}"}] * 2} for level in range(levels)}
    defs[f"n{levels}"] = {"type": "string"}
    return {"$defs": defs, "properties": {"a": {"$ref": "#/$defs/n0"}}, "required": ["a"]}


def test_a_schema_that_grows_over_the_bound_is_checked_by_its_argument_names_alone() -> None:
    assert ArgumentsValidator(doubled(3)).validate({"a": 1}) == '1 is not of type "string" - at `$.a`'
    assert ArgumentsValidator(doubled(12)).validate({"a": 1}) is None
    assert ArgumentsValidator(doubled(12)).validate({}) == '"a" is a required property - at `$`'


def test_a_long_text_behind_many_references_counts_each_time() -> None:
    text = {"description": "x" * 10_000}
    schema = {"$defs": {"a": text}, "properties": {f"p{n}": {"$ref": "#/$defs/a"} for n in range(100)}}
    assert len(json.dumps(model_schema(schema))) < 200_000


def test_arguments_that_are_much_work_are_left_to_the_server() -> None:
    arguments = ArgumentsValidator({"properties": {"a": {"items": {"type": "integer"}}, "b": {"type": "integer"}}})
    assert arguments.validate({"a": ["x"] * 100}) is not None
    assert arguments.validate({"a": ["x"] * (VALUES_MAX + 1)}) is None
    many = ArgumentsValidator({"properties": {"a": {"items": {"allOf": [{"minimum": n} for n in range(500)]}}}})
    assert many.validate({"a": [0] * 20}) is not None
    assert many.validate({"a": [0] * 1_000}) is None
    expressions = ArgumentsValidator({"properties": {"a": {"pattern": "^x"}}})
    assert expressions.validate({"a": "y" * (EXPRESSION_WORK_MAX - 1)}) is not None
    assert expressions.validate({"a": "y" * EXPRESSION_WORK_MAX}) is None


def test_errors_in_few_plain_choices_are_explained_and_others_only_reported() -> None:
    optional = {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    assert (ArgumentsValidator(optional).validate({"a": 3}) or "").endswith("- at `$.a`")
    nested = {"properties": {"a": {"anyOf": [{"items": {"type": "string"}}]}}}
    assert ArgumentsValidator(nested).validate({"a": [3]}) == NOT_EXPLAINED
    assert ArgumentsValidator({"not": {"required": ["a"]}}).validate({"a": 3}) == NOT_EXPLAINED


def test_an_unknown_draft_is_read_as_the_newest() -> None:
    schema = {"$schema": "http://example.com/schema", "properties": {"a": {"type": "string"}}}
    assert ArgumentsValidator(schema).validate({"a": 3}) is not None


def test_no_reference_is_fetched() -> None:
    elsewhere = {"properties": {"a": {"$ref": "http://169.254.169.254/schema"}, "b": {"$ref": "file:///etc/passwd"}}}
    assert ArgumentsValidator(elsewhere).validate({"a": 1, "b": 2}) is None
    assert model_schema(elsewhere) == {"type": "object", "properties": {"a": {}, "b": {}}}


def test_an_invalid_schema_is_refused() -> None:
    with pytest.raises(UnusableSchema, match="not a JSON Schema"):
        ArgumentsValidator({"properties": {"a": {"type": "strange"}}})
    assert json.dumps(model_schema({"properties": {"a": {"type": "strange"}}}))
