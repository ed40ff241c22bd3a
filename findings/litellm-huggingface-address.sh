#!/usr/bin/env bash
# litellm==1.106.2: for models of Hugging Face, an address in the environment variable HF_API_BASE is the whole URL of a chat request,
# while the same address given as the parameter `api_base` is a base, to which /v1/chat/completions or a part of it is added.
# An address that works as `api_base` does not work in HF_API_BASE.
# Output seen:
#   api_base=http://127.0.0.1:PORT/v1    POST /v1/chat/completions
#   HF_API_BASE=http://127.0.0.1:PORT/v1 POST /v1
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'litellm==1.106.2'
LITELLM_LOCAL_MODEL_COST_MAP=True "$folder/venv/bin/python" - <<'PY'
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import litellm

paths = []
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "org/name",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Router(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        paths.append(self.path)
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Router)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}/v1"
call = {"model": "huggingface/org/name", "messages": [{"role": "user", "content": "Is it so?"}], "api_key": "hf_none"}

litellm.completion(**call, api_base=base)
os.environ["HF_API_BASE"] = base
litellm.completion(**call)
print("api_base:", paths[0])
print("HF_API_BASE:", paths[1])
assert paths == ["/v1/chat/completions", "/v1"], paths
PY
