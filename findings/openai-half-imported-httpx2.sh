#!/usr/bin/env bash
# openai==2.54.0 with httpx2==2.16.2: a client that uses httpx compares its objects with classes of httpx2 at each request, and takes that
# module from sys.modules. While another thread imports httpx2 (the MCP SDK does), the module is there and its classes are not: the request fails.
# Output seen:
#   before: Yes.
#   while httpx2 is being imported: AttributeError: partially initialized module 'httpx2' has no attribute 'Timeout' (most likely due to a circular import)
#   afterwards: Yes.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'openai==2.54.0' 'httpx2==2.16.2'
"$folder/venv/bin/python" - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openai import OpenAI

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
}


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Pause:
    """Holds the import of httpx2 where its package is in sys.modules and its client is not loaded yet."""

    reached, go_on = threading.Event(), threading.Event()

    def find_spec(self, name, path=None, target=None):
        if name == "httpx2._client":
            self.reached.set()
            self.go_on.wait(60)


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0)


def ask():
    try:
        asked = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Is it so?"}])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return asked.choices[0].message.content


before = ask()
sys.meta_path.insert(0, Pause())
importing = threading.Thread(target=__import__, args=("httpx2",))
importing.start()
assert Pause.reached.wait(60)
meanwhile = ask()
Pause.go_on.set()
importing.join()
afterwards = ask()
print("before:", before)
print("while httpx2 is being imported:", meanwhile)
print("afterwards:", afterwards)
assert meanwhile.startswith("AttributeError: partially initialized module 'httpx2'"), meanwhile
assert (before, afterwards) == ("Yes.", "Yes."), (before, afterwards)
PY
