"""Generated documents: JSON Schema accepts what the codec accepts; AsyncAPI and TypeScript hold the same messages."""

import copy
import json
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator, meta

from protocol import codec
from protocol.content import Message
from protocol.frames import Frame
from protocol.spec.asyncapi import asyncapi
from protocol.spec.json_schema import json_schema
from protocol.spec.typescript import typescript
from protocol.submissions import Submission
from tests.unit.protocol.examples import FRAMES, SUBMISSIONS, golden, tag

SCHEMA = json_schema()


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$schema": SCHEMA["$schema"], "$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


FRAME, SUBMISSION = validator("Frame"), validator("Submission")


def golden_body(word: Frame | Submission) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(golden(word)[0])
    return body


def mutations(body: dict[str, Any], struct: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Bodies that are wrong in one place each."""
    shape = msgspec.inspect.type_info(struct)
    assert isinstance(shape, msgspec.inspect.StructType)
    for name in ["type", *(field.encode_name for field in shape.fields if field.required)]:
        yield f"without {name}", {key: value for key, value in body.items() if key != name}
    for name in body:
        wrong = copy.deepcopy(body)
        wrong[name] = {"$": 1} if not isinstance(body[name], dict) else [1]
        yield f"{name} of the wrong type", wrong
    yield "of an unknown type", {**body, "type": "no_such_type"}


def test_the_schema_itself_is_sound() -> None:
    meta.validate(SCHEMA)


def test_the_schema_is_written_the_same_every_time() -> None:
    assert json.dumps(json_schema()) == json.dumps(json_schema())
    assert list(SCHEMA["$defs"]) == sorted(SCHEMA["$defs"])


def test_the_schema_has_no_openapi_keywords_and_every_definition_a_description() -> None:
    assert "discriminator" not in json.dumps(SCHEMA)
    for name, definition in SCHEMA["$defs"].items():
        assert definition["title"] == name
        assert definition["description"]


@pytest.mark.parametrize("word", FRAMES, ids=tag)
def test_every_golden_frame_is_valid_and_every_wrong_one_is_not(word: Frame) -> None:
    body = golden_body(word)
    FRAME.validate(body)
    FRAME.validate({**body, "a_field_of_a_later_version": 1})
    for what, wrong in mutations(body, type(word)):
        assert not FRAME.is_valid(wrong), what
        with pytest.raises(msgspec.ValidationError):
            codec.decode_frame(json.dumps(wrong))


@pytest.mark.parametrize("word", SUBMISSIONS, ids=tag)
def test_every_golden_submission_is_valid_and_every_wrong_one_is_not(word: Submission) -> None:
    body = golden_body(word)
    SUBMISSION.validate(body)
    SUBMISSION.validate({key: value for key, value in body.items() if key != "id"})
    for what, wrong in [*mutations(body, type(word)), ("with an unknown field", {**body, "mood": "good"})]:
        assert not SUBMISSION.is_valid(wrong), what
        with pytest.raises(codec.FrameError):
            codec.decode_submission(json.dumps(wrong))


def test_the_root_takes_frames_and_submissions() -> None:
    root = Draft202012Validator(SCHEMA)
    for word in [*FRAMES, *SUBMISSIONS]:
        root.validate(golden_body(word))
    assert not root.is_valid({"type": "no_such_type"})


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def resolve(document: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    for step in reference[2:].split("/"):
        document = document[step]
    return document


def test_every_reference_in_schema_and_asyncapi_leads_somewhere() -> None:
    for document in (SCHEMA, asyncapi()):
        for reference in references(document):
            assert resolve(document, reference)


def test_asyncapi_has_both_addresses_with_their_parameters_and_every_message_in_its_direction() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert set(document) == {
        "asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"
    }  # fmt: skip
    channels = document["channels"]
    assert [channel["address"] for channel in channels.values()] == ["/ws", "/ws/{session_id}"]
    assert list(channels["session"]["parameters"]) == ["session_id"]
    for channel in channels.values():
        binding = channel["bindings"]["ws"]
        assert list(binding["query"]["properties"]) == [
            "after",
            "epoch",
            "max_message",
            "final_response",
        ]
        offered = binding["headers"]["properties"]["Sec-WebSocket-Protocol"]["enum"]
        assert offered == ["holdfast.v1.json", "holdfast.v1.msgpack"]
    ways = {"receive": Submission, "send": Frame}
    assert len(document["operations"]) == len(channels) * len(ways)
    for operation in document["operations"].values():
        assert resolve(document, operation["channel"]["$ref"]) in channels.values()
        messages = [resolve(document, resolve(document, ref["$ref"])["$ref"]) for ref in operation["messages"]]
        assert [m["name"] for m in messages] == [tag(struct) for struct in get_args(ways[operation["action"]])]
        for message in messages:
            assert resolve(document, message["payload"]["$ref"])["properties"]["type"]["enum"] == [message["name"]]
    for server in document["servers"].values():
        assert [resolve(document, ref["$ref"])["type"] for ref in server["security"]] == ["http", "httpApiKey"]


def test_typescript_has_one_interface_for_each_definition_and_unions_that_narrow() -> None:
    text = typescript()
    for name, definition in SCHEMA["$defs"].items():
        kind = "type" if "anyOf" in definition else "interface"
        assert text.count(f"\nexport {kind} {name} ") == 1, name
    for struct in (*get_args(Frame), *get_args(Submission)):
        assert f'export interface {struct.__name__} {{\n  type: "{tag(struct)}";\n' in text
        assert f"\n  | {struct.__name__}" in text
    for struct in get_args(Message):
        assert f'export interface {struct.__name__} {{\n  role: "{tag(struct)}";\n' in text
    assert "\nexport type Frame = SocketFrame | Event;\n" in text


def test_typescript_marks_optional_what_the_wire_may_leave_out() -> None:
    text = typescript()
    assert "  first_seq?: number;" in text
    assert '  when?: "queue" | "steer";' in text
    assert '  kind: "reasoning" | "text";' in text
    assert "  open_message: OpenMessage | null;" in text
    assert "  messages: Message[];" in text
