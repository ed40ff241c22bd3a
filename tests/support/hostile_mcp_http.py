"""Hostile MCP server over HTTP: what `hostile_mcp` does, by streamable HTTP: `python -m tests.support.hostile_mcp_http`.

It prints its URL. Each answer is a stream of server-sent events.
"""

import contextlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.hostile_mcp import Script

SCRIPT = Script()


class Handler(BaseHTTPRequestHandler):
    """Answers what is posted; has no stream of its own."""

    def do_POST(self) -> None:
        """Answer one message."""
        call = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if call.get("id") is None or "method" not in call:
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        with contextlib.suppress(OSError):  # the client may end the call
            for one in SCRIPT.handle(call):
                self.wfile.write(b"event: message\ndata: " + one + b"\n\n")

    def do_GET(self) -> None:
        """There is no such stream."""
        self.send_error(405)

    def do_DELETE(self) -> None:
        """Sessions cannot be ended."""
        self.send_error(405)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until killed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/mcp", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
