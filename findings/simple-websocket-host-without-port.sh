#!/usr/bin/env bash
# simple-websocket==1.1.0 (client) with websockets==17.4 (server): the client's Host header lacks the port of the URL, which HTTP wants where it is not the scheme's
# own. A server that compares Host with its own address refuses it. The client of websockets sends it.
# Output seen:
#   client websockets:       Host: 127.0.0.1:PORT
#   client simple-websocket: Host: 127.0.0.1
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'simple-websocket==1.1.0' 'websockets==17.4'
"$folder/venv/bin/python" - <<'PY'
import sys
import threading

import simple_websocket
from websockets.sync.client import connect
from websockets.sync.server import serve

hosts = []
server = serve(lambda socket: hosts.append(socket.request.headers["Host"]), "127.0.0.1", 0)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.socket.getsockname()[1]
with connect(f"ws://127.0.0.1:{port}/") as socket:
    for _ in socket:
        pass
client = simple_websocket.Client(f"ws://127.0.0.1:{port}/")
try:
    client.receive(timeout=5)
except simple_websocket.ConnectionClosed:
    pass
server.shutdown()
for name, host in zip(("websockets:      ", "simple-websocket:"), hosts, strict=True):
    print(f"client {name} Host: {host.replace(str(port), 'PORT')}")
sys.exit(0 if hosts == [f"127.0.0.1:{port}", "127.0.0.1"] else 1)
PY
