"""Asks questions in one session: ask_websockets.py ws://HOST:PORT TOKEN SESSION QUESTION... Needs websockets 14 or newer."""

import asyncio
import json
import random
import sys
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

STAY_AWAY = {1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429}


async def ask(server: str, token: str, session: str, questions: list[str]) -> None:
    headers, position, answer, failures, silence = {"Authorization": f"Bearer {token}"}, "", "", 0, 30.0
    waiting = [{"type": "user_input", "id": uuid.uuid4().hex, "text": text} for text in questions]
    while waiting:
        try:
            async with connect(f"{server}/ws/{session}{position}", additional_headers=headers, max_size=2**25, ping_interval=None,
                               subprotocols=["holdfast.v1.json"]) as socket:  # fmt: skip
                live = False
                while waiting:
                    for frame in map(json.loads, (await asyncio.wait_for(socket.recv(), silence)).split("\n")):
                        kind, seq = frame["type"], frame.get("seq")
                        if kind == "ready":
                            epoch, silence = frame["epoch"], 2 * frame["limits"]["heartbeat_s"]
                        elif kind == "assistant_chunk" and frame["kind"] == "text":
                            answer = answer[: frame["offset"]] + frame["text"]
                        elif kind == "refused" and frame["retryable"]:
                            raise OSError(frame["code"])  # such as `going_away`: come back and ask again
                        elif kind in ("turn_complete", "interrupted", "error", "refused"):
                            print(frame.get("final_response") or f"{answer} ({kind})", flush=True)
                            waiting.pop(0)
                        if kind == "synced" or (live and "at" in frame):
                            live, failures, position = True, 0, f"?after={seq}&epoch={epoch}"
                        if waiting and kind in ("synced", "turn_complete", "interrupted", "error", "refused"):
                            await socket.send(
                                json.dumps(waiting[0])
                            )  # again after a cut: its id makes sure it is done once
        except InvalidStatus as refused:
            if refused.response.status_code not in (429, 502, 503, 504):
                sys.exit(f"refused: {refused.response.body.decode()}")
        except ConnectionClosed as closed:
            if (first := closed.rcvd or closed.sent) and first.code in STAY_AWAY:
                sys.exit(f"closed: {first.code} {first.reason}")
        except (OSError, WebSocketException):  # not reached, cut before the answer, or nothing came for too long
            pass
        if waiting:
            await asyncio.sleep(random.uniform(0, min(30, 0.5 * 2**failures)))
            failures += 1


asyncio.run(ask(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
