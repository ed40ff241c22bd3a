"""Plain MCP server over stdio: behaves well or badly on demand: `python plain_server.py [--folder F] [--script S] ...`.

It uses the standard library alone, so that it starts in a few hundredths of a second, and can send what no library would.
`--script`: a JSON file with `tools` (and `cursor`), and `answers`: the lines for each tool's call, in which ID is the call's id.
"""

import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SOUND = b"RIFF\x00\x00\x00\x00WAVE"
NONE: dict[str, Any] = {"type": "object", "properties": {}}
ECHO = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "times": {"type": "integer", "default": 1, "minimum": 1, "maximum": 3},
    },
    "required": ["text"],
}


def write_line(text: str) -> None:
    """Write a line to the client."""
    sys.stdout.buffer.write(f"{text}\n".encode())
    sys.stdout.flush()


def send(**message: Any) -> None:
    """Write a message to the client."""
    write_line(json.dumps({"jsonrpc": "2.0", **message}))


def text(of: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": of}]}


class PlainServer:
    """The server's side of the conversation. `folder`: where it notes what it does. `only`: it has this one tool."""

    def __init__(self, folder: Path | None, only: str, script: dict[str, Any] | None) -> None:
        self._folder = folder
        self._only = only
        self._script = script
        self._grown = False
        self._holding: set[Any] = set()
        self._asking: dict[str, Any] = {}
        self._asked = 0
        self._listings = 0
        self.note("started")

    def note(self, name: str) -> None:
        """Write its process id into a file of this name."""
        if self._folder is not None:
            (self._folder / name).write_text(str(os.getpid()))

    def handle(self, message: dict[str, Any]) -> None:
        identity, method, params = message.get("id"), message.get("method"), message.get("params") or {}
        if method == "initialize":
            about = {"name": "plain", "version": "1"}
            capabilities = {"tools": {"listChanged": True}, "logging": {}}
            capabilities |= {name: {} for name in ("prompts", "resources") if self._script and name in self._script}
            version = params["protocolVersion"]
            send(id=identity, result={"protocolVersion": version, "capabilities": capabilities, "serverInfo": about})
        elif method == "ping":
            send(id=identity, result={})
        elif method == "tools/list":
            self._listings += 1
            self.note(f"listing-{self._listings}")
            send(id=identity, result={"tools": self.tools(), **self.cursor()})
        elif method == "tools/call":
            self.call(identity, params)
        elif method == "notifications/cancelled" and params.get("requestId") in self._holding:
            self.note("cancelled")
        elif self._script and method in self._script.get("methods", {}):
            # Lists in the list are the answers to one request each, the last one to all that follow.
            answers = self._script["methods"][method]
            several = bool(answers) and isinstance(answers[0], list)
            self.say(answers if not several else answers.pop(0) if len(answers) > 1 else answers[0], identity)
        elif method is None and identity in self._asking:
            send(
                id=self._asking.pop(identity),
                result=text(f"got {json.dumps(message.get('result', message.get('error')))}"),
            )
        elif identity is not None and method is not None:
            send(id=identity, error={"code": -32601, "message": "no such method"})

    def cursor(self) -> dict[str, str]:
        """Where the list goes on: nowhere, unless the script has a `cursor`; `new`: always somewhere else."""
        cursor = (self._script or {}).get("cursor")
        return {} if cursor is None else {"nextCursor": f"page-{self._listings}" if cursor == "new" else cursor}

    def tools(self) -> list[dict[str, Any]]:
        """The tools as they are listed."""
        if self._script is not None:
            return list(self._script["tools"])
        if self._only:
            return [{"name": self._only, "description": "The only tool.", "inputSchema": NONE}]
        schemas = dict.fromkeys(vars(Tools), NONE)
        schemas |= {"echo": ECHO, "flood": {"type": "object", "properties": {"chars": {"type": "integer"}}}}
        hints = {"whoami": {"readOnlyHint": True}, "wipe": {"destructiveHint": True}}
        names = [name for name in schemas if not name.startswith("_") and name != ("flood" if self._grown else "late")]
        return [
            {"name": name, "description": "A tool.", "inputSchema": schemas[name], "annotations": hints.get(name, {})}
            for name in names
        ]

    def call(self, identity: Any, params: dict[str, Any]) -> None:
        """Answer a call, or begin one that is answered later."""
        name, arguments = params["name"], params.get("arguments") or {}
        if self._script is not None:
            self.say(self._script["answers"][name], identity, arguments)
        elif self._only:
            send(id=identity, result=text(f"{self._only} of {os.getpid()}"))
        elif name == "ask":
            self.ask(identity, "elicitation/create", {"message": "which color?", "requestedSchema": NONE})
        elif name == "hold":
            self.tell(params, 1, 2, "holding")
            send(method="notifications/message", params={"level": "info", "data": "holding on"})
            self._holding.add(identity)
            self.note("holding")
        elif name == "steps":
            for step in range(1, 4):
                self.tell(params, step, 3, f"step {step}")
            send(method="notifications/message", params={"level": "info", "data": "all steps done"})
            send(id=identity, result=text("done"))
        elif name in ("die", "hang"):
            self.note("died" if name == "die" else "hanging")
            os._exit(3) if name == "die" else signal.pause()
        else:
            if name == "grow":
                self._grown = True
                send(method="notifications/tools/list_changed")
            make: Callable[..., dict[str, Any]] = getattr(Tools, name)
            send(id=identity, result=make(**arguments))

    def ask(self, call: Any, method: str, params: dict[str, Any]) -> None:
        """Send the client a request; its answer is the result of the call."""
        self._asked += 1
        self._asking[f"asked-{self._asked}"] = call
        send(id=f"asked-{self._asked}", method=method, params=params)

    def tell(self, params: dict[str, Any], progress: int, total: int, message: str) -> None:
        """Send progress of a call."""
        about = {"progressToken": params.get("_meta", {}).get("progressToken"), "progress": progress, "total": total}
        send(method="notifications/progress", params={**about, "message": message})

    def say(self, lines: list[Any], identity: Any, arguments: Any = None) -> None:
        """Write the lines of a script: text as it is, an object that has `ask` as a request, any other as the result."""
        for line in lines:
            if isinstance(line, str):
                write_line(line.replace("ID", json.dumps(identity)))
            elif "ask" in line:
                self.ask(identity, line["ask"], line["params"])
            elif "arguments" in line:
                send(id=identity, result=text(json.dumps(arguments, sort_keys=True)))
            else:
                send(id=identity, result=line)


class Tools:
    """The tools that answer at once."""

    @staticmethod
    def echo(text: str, times: int = 1) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": text * times}]}

    @staticmethod
    def whoami() -> dict[str, Any]:
        return text(json.dumps({"pid": os.getpid(), "env": dict(os.environ), "cwd": os.getcwd()}))

    @staticmethod
    def wipe() -> dict[str, Any]:
        return text("wiped")

    @staticmethod
    def fail() -> dict[str, Any]:
        return {**text("fail: it cannot be done"), "isError": True}

    @staticmethod
    def flood(chars: int) -> dict[str, Any]:
        return text("x" * chars)

    @staticmethod
    def grow() -> dict[str, Any]:
        return text("grown")

    @staticmethod
    def late() -> dict[str, Any]:
        return text("late")

    @staticmethod
    def figures() -> dict[str, Any]:
        return {"content": [], "structuredContent": {"answer": 42}}

    @staticmethod
    def broken_picture() -> dict[str, Any]:
        return {"content": [{"type": "image", "data": "@@@", "mimeType": "image/png"}]}

    @staticmethod
    def picture() -> dict[str, Any]:
        def b64(data: bytes) -> str:
            return base64.b64encode(data).decode()

        blob = {"uri": "file:///a/../b/report.pdf", "mimeType": "application/pdf", "blob": b64(b"%PDF")}
        note = {"uri": "note://x/hello.txt", "mimeType": "text/plain", "text": "hello"}
        return {
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "data": b64(PNG), "mimeType": "image/png"},
                {"type": "audio", "data": b64(SOUND), "mimeType": "audio/wav"},
                {"type": "resource", "resource": blob},
                {"type": "resource", "resource": note},
                {"type": "resource_link", "name": "more", "uri": "https://example.com/more"},
            ]
        }

    ask = hold = steps = die = hang = staticmethod(wipe)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, help="where to note what is done")
    parser.add_argument("--only", default="", help="have this one tool")
    parser.add_argument("--script", type=Path, help="its tools and what it answers")
    parser.add_argument("--garbage", action="store_true", help="write what is no message to the standard output")
    parser.add_argument("--after", type=Path, help="do not begin until this file is there")
    parser.add_argument("--stubborn", action="store_true", help="outlive the end of the input, with a child elsewhere")
    parser.add_argument("--complain", default="", help="say this on the standard error")
    arguments = parser.parse_args()
    while arguments.after is not None and not arguments.after.exists():
        time.sleep(0.01)  # a slow start
    if arguments.garbage:
        print("hello, I am a server!\n{\n\x00\xff", flush=True)
    if arguments.complain:
        print(arguments.complain, file=sys.stderr, flush=True)
    if arguments.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        (arguments.folder / "child").write_text(str(child.pid))
    script = json.loads(arguments.script.read_text()) if arguments.script is not None else None
    server = PlainServer(arguments.folder, arguments.only, script)
    for line in sys.stdin:
        server.handle(json.loads(line))
    if arguments.stubborn:
        signal.pause()


if __name__ == "__main__":
    main()
