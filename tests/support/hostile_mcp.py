"""Hostile MCP server: does what its tool is called with, as fast as it can: `python -m tests.support.hostile_mcp`.

It speaks JSON-RPC over its standard streams without the library, which would not send most of this. `answer` writes one large or
odd answer to the call, `flood` writes notifications until the call is cancelled or `SECONDS` are over.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

SECONDS = 4.0
MEGABYTES = 1_000_000
TOOLS = 3_000

write = sys.stdout.buffer.write


def send(**message: Any) -> None:
    """Write one message."""
    write(json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n")
    sys.stdout.flush()


def raw(identity: Any, result: str) -> None:
    """Write an answer whose result is this JSON."""
    write(f'{{"jsonrpc":"2.0","id":{json.dumps(identity)},"result":{result}}}\n'.encode())
    sys.stdout.flush()


def answer(identity: Any, kind: str) -> None:
    """Answer a call."""
    answers: dict[str, Callable[[], str]] = {
        "words": lambda: '{"content":[{"type":"text","text":"words"}]}',
        "blocks": lambda: '{"content":[' + ",".join(['{"type":"text","text":"x"}'] * 400_000) + "]}",
        "unknown_blocks": lambda: '{"content":[' + ",".join(["{}"] * 40_000) + "]}",
        "structured": lambda: '{"content":[],"structuredContent":{"a":[' + ",".join(["[]"] * (4 * MEGABYTES)) + "]}}",
        "text": lambda: '{"content":[{"type":"text","text":"' + "words and more \\n" * 750_000 + '"}]}',
        "file": lambda: '{"content":[{"type":"image","mimeType":"image/png","data":"' + "A" * (15 * MEGABYTES) + '"}]}',
        "elsewhere": lambda: '{"content":[],"_meta":{"a":[' + ",".join(["0"] * (7 * MEGABYTES)) + "]}}",
    }
    raw(identity, answers[kind]())


def flood(identity: Any, kind: str, token: Any) -> None:
    """Write without a pause, then answer."""
    until = time.monotonic() + SECONDS
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
    if kind == "lines":
        data = b"\n" * 65_536
    elif kind == "garbage":
        data = b"garbage\n" * 8_192
    else:
        data = (json.dumps({"jsonrpc": "2.0", **messages[kind]}).encode() + b"\n") * 100
    while time.monotonic() < until:
        write(data)
        sys.stdout.flush()
    answer(identity, "words")


class Server:
    """The server's side of the conversation. Its list of tools changes each time, and is as long as it likes."""

    def __init__(self) -> None:
        self.listings = 0

    def handle(self, message: dict[str, Any]) -> None:
        identity, method, params = message.get("id"), message.get("method"), message.get("params") or {}
        if method == "initialize":
            about = {"name": "hostile", "version": "1"}
            version = params["protocolVersion"]
            send(
                id=identity,
                result={
                    "protocolVersion": version,
                    "capabilities": {"tools": {"listChanged": True}},
                    "serverInfo": about,
                },
            )
        elif method == "tools/list":
            self.listings += 1
            send(id=identity, result={"tools": self.tools()})
        elif method == "tools/call":
            kind = params["arguments"]["kind"]
            if kind in ("progress", "logs", "changes", "requests", "answers", "lines", "garbage"):
                flood(identity, kind, params.get("_meta", {}).get("progressToken"))
            else:
                answer(identity, kind)
        elif identity is not None and method is not None:
            send(id=identity, error={"code": -32601, "message": "no such method"})

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
    server = Server()
    for line in sys.stdin:
        server.handle(json.loads(line))


if __name__ == "__main__":
    main()
