"""Hostile MCP server: does what its tool is called with, as fast as it can: `python -m tests.support.hostile_mcp`.

It speaks JSON-RPC over its standard streams without the library, which would not send most of this. A call is answered with one large
or odd answer, or with notifications until it is cancelled or `SECONDS` are over. `hostile_mcp_http` does the same over HTTP.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 4.0
MEGABYTES = 1_000_000
TOOLS = 3_000


def message(**fields: Any) -> bytes:
    """One message."""
    return json.dumps({"jsonrpc": "2.0", **fields}, separators=(",", ":")).encode()


def answer(identity: Any, kind: str) -> bytes:
    """The answer to a call."""
    answers: dict[str, Callable[[], str]] = {
        "words": lambda: '{"content":[{"type":"text","text":"words"}]}',
        "blocks": lambda: '{"content":[' + ",".join(['{"type":"text","text":"x"}'] * 400_000) + "]}",
        "unknown_blocks": lambda: '{"content":[' + ",".join(["{}"] * 40_000) + "]}",
        "structured": lambda: '{"content":[],"structuredContent":{"a":[' + ",".join(["[]"] * (4 * MEGABYTES)) + "]}}",
        "text": lambda: '{"content":[{"type":"text","text":"' + "words and more \\n" * 750_000 + '"}]}',
        "file": lambda: '{"content":[{"type":"image","mimeType":"image/png","data":"' + "A" * (15 * MEGABYTES) + '"}]}',
        "elsewhere": lambda: '{"content":[],"_meta":{"a":[' + ",".join(["0"] * (7 * MEGABYTES)) + "]}}",
    }
    return f'{{"jsonrpc":"2.0","id":{json.dumps(identity)},"result":{answers[kind]()}}}'.encode()


def flooding(kind: str, token: Any) -> bytes:
    """The message that is written without a pause."""
    messages: dict[str, dict[str, Any]] = {
        "progress": {
            "method": "notifications/progress",
            "params": {"progressToken": token, "progress": 1, "message": "x" * 3_000},
        },
        "logs": {"method": "notifications/message", "params": {"level": "info", "data": "x" * 3_000}},
        "changes": {"method": "notifications/tools/list_changed"},
        "requests": {"method": "sampling/createMessage", "id": 1, "params": {"messages": []}},
        "answers": {"id": 999_999, "result": {"content": []}},
    }
    return message(**messages[kind])


FLOODS = ("progress", "logs", "changes", "requests", "answers", "lines", "garbage")


class Script:
    """The server's side of the conversation. Its list of tools changes each time, and is as long as it likes."""

    def __init__(self) -> None:
        self.listings = 0

    def handle(self, call: dict[str, Any]) -> Iterator[bytes]:
        """The messages that answer this one; lines that are no message are written as they are."""
        identity, method, params = call.get("id"), call.get("method"), call.get("params") or {}
        if method == "initialize":
            about = {"name": "hostile", "version": "1"}
            can = {"tools": {"listChanged": True}}
            result = {"protocolVersion": params["protocolVersion"], "capabilities": can, "serverInfo": about}
            yield message(id=identity, result=result)
        elif method == "tools/list":
            self.listings += 1
            yield message(id=identity, result={"tools": self.tools()})
        elif method == "tools/call":
            kind = params["arguments"]["kind"]
            if kind in FLOODS:
                yield from self._flood(kind, params.get("_meta", {}).get("progressToken"))
                kind = "words"
            yield answer(identity, kind)
        elif identity is not None and method is not None:
            yield message(id=identity, error={"code": -32601, "message": "no such method"})

    def _flood(self, kind: str, token: Any) -> Iterator[bytes]:
        until = time.monotonic() + SECONDS
        one = {"lines": b"\n" * 655, "garbage": b"garbage\n" * 82}.get(kind) or flooding(kind, token)
        while time.monotonic() < until:
            for _ in range(100):
                yield one

    def tools(self) -> list[dict[str, Any]]:
        """`attack`, and many more with large schemas that grow by their references and change with each listing."""
        kind = {"type": "string", "pattern": "^[a-z_]{1,40}$"}
        attack = {
            "name": "attack",
            "description": "Attacks.",
            "inputSchema": {"type": "object", "properties": {"kind": kind}},
        }
        below: dict[str, Any] = {"n0": {"enum": list(range(500))}}
        for level in range(1, 8):
            below[f"n{level}"] = {"anyOf": [{"$ref": f"#/$defs/n{level - 1}"}] * 2}
        large = {
            "type": "object",
            "$defs": below,
            "properties": {
                "a": {"$ref": "#/$defs/n2"},
                "b": {"$ref": "#/$defs/n7"},
                "c": {"pattern": "^([a-z]{1,20}-){9}$"},
            },
        }
        more = [
            {"name": f"more{number}", "description": f"{self.listings} {number}", "inputSchema": large}
            for number in range(TOOLS)
        ]
        return [attack, *more]


def main() -> None:
    """Answer each line of the standard input."""
    script = Script()
    for line in sys.stdin:
        for one in script.handle(json.loads(line)):
            sys.stdout.buffer.write(one + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
