#!/usr/bin/env bash
# websockets==17.4 (PyPI): a client of its asyncio API that has not read what came cannot close: `close()` waits for the whole `close_timeout` and ends with
# 1006, though the server answers the close at once. The reader is paused while more messages wait than `max_queue` (16), so the answer is never read.
# A client that has read everything closes at once, with 1000.
# Output seen:
#   all is read:     closed with 1000, before close_timeout
#   39 are not read: closed with 1006, after close_timeout
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet 'websockets==17.4'
cat >close.py <<'PY'
import asyncio
import time

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

MESSAGES = 40
CLOSE_TIMEOUT_S = 3


async def send(socket):
    for number in range(MESSAGES):
        await socket.send(str(number))
    await socket.wait_closed()


async def main():
    async with serve(send, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for read, title in ((MESSAGES, "all is read:    "), (1, "39 are not read:")):
            socket = await connect(f"ws://127.0.0.1:{port}", close_timeout=CLOSE_TIMEOUT_S)
            for _ in range(read):
                await socket.recv()
            await asyncio.sleep(0.5)
            began = time.monotonic()
            await socket.close()
            late = time.monotonic() - began >= CLOSE_TIMEOUT_S - 0.1
            print(title, f"closed with {socket.close_code},", "after close_timeout" if late else "before close_timeout")


asyncio.run(main())
PY
env/bin/python close.py | tee output
[ "$(cat output)" = 'all is read:     closed with 1000, before close_timeout
39 are not read: closed with 1006, after close_timeout' ]
