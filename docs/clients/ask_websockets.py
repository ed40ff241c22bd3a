"""Asks questions in one session: ask_websockets.py ws://HOST:PORT TOKEN SESSION QUESTION... Needs websockets 14 or newer."""

import asyncio
import json
import random
import sys
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

STAY_AWAY = {1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429}
ENDS = {"turn_complete", "interrupted", "error", "refused"}


async def ask(server: str, token: str, session: str, questions: list[str]) -> None:
    headers, position, failures = {"Authorization": f"Bearer {token}"}, "", 0
    waiting = [{"type": "user_input", "id": uuid.uuid4().hex, "text": text} for text in questions]
    while waiting:
        try:
            url, sub = f"{server}/ws/{session}{position}", ["holdfast.v1.json"]
            async with connect(url, additional_headers=headers, max_size=2**25, subprotocols=sub) as socket:  # type: ignore[arg-type]
                while waiting:  # the server sends something at least every 20 s
                    for frame in map(json.loads, (await asyncio.wait_for(socket.recv(), 40)).split("\n")):
                        kind = frame["type"]
                        if kind == "refused" and frame["retryable"]:
                            raise OSError(frame["code"])  # such as `going_away`: come back and ask again
                        if kind == "ready":
                            epoch = frame["epoch"]
                        if kind in ENDS:
                            print(frame.get("final_response") or f"({kind})", flush=True)
                            waiting.pop(0)
                        if kind == "synced" or "at" in frame:
                            failures, position = 0, f"?after={frame['seq']}&epoch={epoch}"
                        if waiting and (kind == "synced" or kind in ENDS):  # after a cut again: it is done once
                            await socket.send(json.dumps(waiting[0]))
        except InvalidStatus as refused:
            if refused.response.status_code not in (429, 502, 503, 504):
                sys.exit(f"refused: {refused.response.body.decode()}")
        except ConnectionClosed as closed:
            if (first := closed.rcvd or closed.sent) and first.code in STAY_AWAY:
                sys.exit(f"closed: {first.code} {first.reason}")
        except (OSError, WebSocketException):  # not reached, cut before the answer, or nothing came for too long
            pass
        if waiting:
            await asyncio.sleep(random.uniform(0, min(30, 0.5 * 2 ** (failures := failures + 1))))


asyncio.run(ask(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
