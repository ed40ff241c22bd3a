"""Messages of MCP servers: each part is bounded before the library reads it, also in a process of its own."""

import json
from typing import Any

import pytest

from agent.tools.mcp.incoming import messages, reading
from agent.tools.mcp.incoming.messages import NotAMessage, bound_message, cut
from agent.tools.mcp.incoming.reading import MessageReader


def bounded(message: dict[str, Any]) -> Any:
    raw = bound_message(json.dumps({"jsonrpc": "2.0", **message}).encode())
    return None if raw is None else json.loads(raw)


def result(**fields: Any) -> Any:
    return bounded({"id": 1, "result": fields})["result"]


def blocks(*content: Any, **fields: Any) -> Any:
    return result(content=list(content), **fields)["content"]


def text(of: str) -> dict[str, str]:
    return {"type": "text", "text": of}


def test_ordinary_messages_pass_unchanged() -> None:
    for message in (
        {"id": 1, "result": {"content": [text("a")], "isError": True}},
        {"id": "a", "result": {"content": [], "structuredContent": {"a": [1, None, 0.5]}}},
        {
            "id": 2,
            "result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "x"}},
        },
        {"id": 3, "error": {"code": -32602, "message": "no", "data": {"supported": ["1"]}}},
        {"id": 4, "method": "ping", "params": {}},
        {"method": "notifications/progress", "params": {"progressToken": 1, "progress": 0.5, "message": "half"}},
        {"method": "notifications/message", "params": {"level": "info", "data": "words"}},
    ):
        assert bounded(message) == {"jsonrpc": "2.0", **message}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"1.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":[],"result":{}}',
        b'{"jsonrpc":"2.0","id":99999999999999999999,"result":{}}',
        b'{"jsonrpc":"2.0","method":1}',
        b'{"jsonrpc":"2.0","method":"x","params":[]}',
        b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 5_000,
    ],
)
def test_what_is_no_message_is_reported(raw: bytes) -> None:
    with pytest.raises(NotAMessage):
        bound_message(raw)


def test_numbers_that_json_does_not_have_become_null() -> None:
    raw = bound_message(b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"a":NaN}}}')
    assert raw is not None and json.loads(raw)["result"]["structuredContent"] == {"a": None}


def test_text_that_is_not_unicode_is_mended_so_that_its_call_gets_its_answer() -> None:
    for odd in (b"\\ud800", b"\xff"):
        raw = bound_message(b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a' + odd + b'b"}]}}')
        assert raw is not None and json.loads(raw)["result"]["content"] == [text("a\ufffdb")]
    whole = bound_message(b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"a":"\\ud83d\\ude00 \\ud800"}}')
    assert whole is not None and json.loads(whole)["result"]["a"] == "\U0001f600 \ufffd"


@pytest.mark.parametrize(
    "answer", ['"result":null', '"result":[]', '"error":{"code":"x","message":"y"}', '"error":"no"']
)
def test_an_answer_of_an_unknown_form_becomes_an_error_with_its_id(answer: str) -> None:
    raw = bound_message(f'{{"jsonrpc":"2.0","id":7,{answer}}}'.encode())
    assert raw is not None
    assert json.loads(raw) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {"code": messages.OVER_BOUND, "message": "it has an unknown form"},
    }


def test_content_blocks_are_counted_and_those_of_unknown_forms_are_replaced() -> None:
    many = blocks(*[text("a")] * (messages.BLOCKS_MAX + 5))
    assert len(many) == messages.BLOCKS_MAX + 1 and many[-1] == text("[left out: 5 more content blocks]")
    unknown = text("[left out: a content block of an unknown form]")
    assert blocks({}, 1, {"type": "a b"}, {"type": "text"}, {"type": "image", "data": 1}) == [unknown] * 5
    assert blocks({"type": "x"}) == [text("[left out: a content block of the unknown type 'x']")]


def test_the_texts_of_a_result_share_one_bound_and_keep_beginning_and_end() -> None:
    most = messages.TEXT_CHARS_MAX
    (one,) = blocks(text("a" * most + "b" * most))
    assert one["text"] == "a" * (most // 2) + f"\n[left out: {most} characters]\n" + "b" * (most // 2)
    first, second = blocks(text("a" * most), text("bc"))
    assert first["text"] == "a" * most and second["text"] == "\n[left out: 2 characters]\n"
    assert cut("abcdef", 4) == "ab\n[left out: 2 characters]\nef"


def test_files_pass_whole_and_with_the_fields_that_are_used() -> None:
    image = {"type": "image", "data": "A" * 200_000, "mimeType": "image/png"}
    file = {"type": "resource", "resource": {"uri": "file:///a", "mimeType": "text/plain", "text": "words"}}
    link = {"type": "resource_link", "name": "a", "uri": "file:///a"}
    assert blocks({**image, "_meta": {"a": 1}}, {**file, "annotations": {}}, {**link, "icons": []}) == [
        image,
        file,
        link,
    ]
    large = {"type": "resource", "resource": {"uri": "a", "text": "x" * (messages.RESOURCE_CHARS_MAX + 1)}}
    assert blocks(large)[0]["text"].startswith("[left out: resources of more than")


def test_structured_content_is_kept_where_there_is_no_text_and_not_too_large() -> None:
    assert "structuredContent" not in result(content=[text("a")], structuredContent={"a": 1})
    too_large: list[dict[str, Any]] = [{"a": "x" * messages.STRUCTURED_BYTES_MAX}, {"a": [[]] * messages.VALUES_MAX}]
    for large in too_large:
        kept = result(content=[], structuredContent=large)
        assert "structuredContent" not in kept and "structured content" in kept["content"][0]["text"]
    deep: Any = 1
    for _ in range(messages.DEPTH_MAX + 1):
        deep = [deep]
    assert "structuredContent" not in result(content=[], structuredContent={"a": deep})


def test_tools_lose_what_nothing_reads_and_those_that_cannot_be_used_are_counted() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    hints = {"readOnlyHint": True, "destructiveHint": "yes"}
    tool = {
        "name": "a",
        "description": "b",
        "inputSchema": schema,
        "annotations": hints,
        "outputSchema": {},
        "icons": [],
    }
    large = {"name": "b", "inputSchema": {"a": "x" * messages.SCHEMA_BYTES_MAX}}
    others = [large, {"name": "c", "inputSchema": {"type": "array"}}, {"inputSchema": {}}, 1, {"name": ""}]
    listed = result(tools=[tool, *others], nextCursor="next")
    assert listed["tools"] == [
        {"name": "a", "description": "b", "inputSchema": schema, "annotations": {"readOnlyHint": True}}
    ]
    assert listed["nextCursor"] == "next"
    assert listed["_meta"][messages.LEFT_OUT] == [
        ["b", "its schema has more than 10000 values or 262144 bytes"],
        ["c", "its arguments are not an object"],
        ["?", "it has an unknown form"],
        ["?", "it has an unknown form"],
        ["", "its name has more than 512 characters, or none"],
    ]
    many = result(tools=[{"name": f"t{n}", "inputSchema": {}} for n in range(messages.TOOLS_MAX + 7)])
    assert len(many["tools"]) == messages.TOOLS_MAX
    assert many["_meta"][messages.LEFT_OUT][6] == ["t1006", "the server lists too many tools"]
    wide = {"enum": list(range(messages.VALUES_MAX - 10))}
    few = result(tools=[{"name": f"t{n}", "inputSchema": wide} for n in range(10)])
    assert len(few["tools"]) == messages.TOOLS_VALUES_MAX // (messages.VALUES_MAX - 7)


def test_tools_without_a_type_are_mended() -> None:
    odd: list[dict[str, Any]] = [{}, {"inputSchema": None}, {"inputSchema": True}]
    odd += [{"inputSchema": schema} for schema in ({}, {"type": None}, {"type": ["object"]})]
    listed = result(tools=[{"name": f"t{number}", **fields} for number, fields in enumerate(odd)])["tools"]
    assert [tool["inputSchema"] for tool in listed] == [{"type": "object"}] * len(odd)


def test_tools_that_models_cannot_use_are_left_out_and_named() -> None:
    app = {"name": "app", "_meta": {"ui": {"visibility": ["app"]}}}
    both = {"name": "both", "_meta": {"ui": {"visibility": ["model", "app"]}}}
    task = {"name": "task", "execution": {"taskSupport": "required"}}
    may = {"name": "may", "execution": {"taskSupport": "optional"}}
    listed = result(tools=[app, both, task, may])
    assert [tool["name"] for tool in listed["tools"]] == ["both", "may"]
    assert listed["_meta"][messages.LEFT_OUT] == [
        ["app", "it is for a user interface, not for models"],
        ["task", "it can only be called as a task, which is not supported"],
    ]


def test_an_answer_that_is_too_large_elsewhere_becomes_an_error_with_its_id() -> None:
    refused = bounded({"id": 7, "result": {"a": [0] * (messages.OTHER_VALUES_MAX + 1)}})
    assert refused["id"] == 7 and refused["error"]["code"] == messages.OVER_BOUND


def test_notifications_are_cut_and_large_ones_left_out() -> None:
    many = [0] * (messages.OTHER_VALUES_MAX + 1)
    assert bounded({"method": "notifications/a", "params": {"a": many}}) is None
    assert bounded({"id": 1, "method": "sampling/createMessage", "params": {"a": many}})["params"] == {}
    progress = bounded({"method": "notifications/progress", "params": {"progressToken": 1, "message": "x" * 9_999}})
    assert len(progress["params"]["message"]) == messages.NOTE_CHARS_MAX
    for data in ("x" * 9_999, {"a": "x" * 9_999}, {"a": many}):
        kept = bounded({"method": "notifications/message", "params": {"level": "info", "data": data}})
        assert len(kept["params"]["data"]) <= messages.NOTE_CHARS_MAX


async def test_a_large_message_is_read_in_a_process_with_the_same_answer() -> None:
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": [{}] * 60_000}}).encode()
    assert len(raw) > reading.SMALL_BYTES
    reader = MessageReader()
    assert await reader.read(raw) == bound_message(raw)
    left_out = json.dumps({"jsonrpc": "2.0", "method": "a", "params": {"a": [0] * 100_000}}).encode()
    assert await reader.read(left_out) is None
    with pytest.raises(NotAMessage):
        await reader.read(b"x" * (reading.SMALL_BYTES + 1))
