"""Asks questions in one session: ask_websockets.py ws://HOST:PORT TOKEN SESSION QUESTION... Needs websockets 14 or newer."""

import json
import random
import sys
import time

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

STAY_AWAY = {400, 401, 403, 404, 426, 1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429}
ENDS = {"turn_complete", "interrupted", "error", "refused"}
server, token, session, *questions = sys.argv[1:]
options = {"additional_headers": {"Authorization": f"Bearer {token}"}, "subprotocols": ["holdfast.v1.json"]}
run, position, epoch, failures, code = time.time_ns(), "", "", 0, None

while questions and code not in STAY_AWAY:
    try:
        with connect(f"{server}/ws/{session}{position}", max_size=None, **options) as socket:
            while questions:
                for frame in map(json.loads, socket.recv(timeout=40).split("\n")):
                    kind, epoch = frame["type"], frame.get("epoch", epoch)
                    if kind == "refused" and frame["retryable"]:
                        raise OSError(frame["code"])  # such as `going_away`: come back and ask again
                    if kind in ENDS:
                        print(frame.get("final_response") or f"({kind})", flush=True)
                        del questions[0]
                    if kind == "synced" or "at" in frame:
                        position, failures = f"?after={frame['seq']}&epoch={epoch}", 0
                    if questions and kind in {"synced", *ENDS}:  # after a cut again: its id makes sure it is done once
                        ask = {"type": "user_input", "id": f"{run}-{len(questions)}", "text": questions[0]}
                        socket.send(json.dumps(ask))
    except InvalidStatus as refused:
        code, wait = refused.response.status_code, refused.response.headers.get("Retry-After", "")
        time.sleep(int(wait) if wait.isdigit() else 0)  # a proxy's may be a date
    except (OSError, WebSocketException) as end:  # of 40 s of silence too: the server sends something every 20 s
        code = end.rcvd.code if isinstance(end, ConnectionClosed) and end.rcvd else None
    time.sleep(random.uniform(0, min(30, 0.5 * 2**failures)) if questions else 0)
    failures += 1
sys.exit(f"ended: {code}" if questions else 0)
