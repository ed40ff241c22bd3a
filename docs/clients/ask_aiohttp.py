"""Asks questions in one session: ask_aiohttp.py ws://HOST:PORT TOKEN SESSION QUESTION... Needs aiohttp 3.9 or newer."""

import asyncio
import json
import random
import sys
import uuid

from aiohttp import ClientError, ClientSession, WSMsgType, WSServerHandshakeError

STAY_AWAY = {1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429}
ENDS = {"turn_complete", "interrupted", "error", "refused"}


async def ask(server: str, token: str, session: str, questions: list[str]) -> None:
    position, failures = "", 0
    waiting = [{"type": "user_input", "id": uuid.uuid4().hex, "text": text} for text in questions]
    async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        while waiting:
            try:
                url = f"{server}/ws/{session}{position}"
                async with http.ws_connect(url, max_msg_size=2**25, protocols=["holdfast.v1.json"]) as socket:
                    # The server sends something at least every 20 s.
                    while waiting and (message := await socket.receive(40)).type is WSMsgType.TEXT:
                        for frame in map(json.loads, message.data.split("\n")):
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
                                await socket.send_json(waiting[0])
                    if waiting and socket.close_code in STAY_AWAY:
                        sys.exit(f"closed: {socket.close_code} {message.extra}")
            except WSServerHandshakeError as refused:  # of the body nothing is left: GET /api/sessions/SESSION says why
                if refused.status not in (429, 502, 503, 504):
                    sys.exit(f"refused: {refused.status}")
            except (ClientError, OSError, TimeoutError):  # not reached, or nothing came for too long
                pass
            if waiting:
                await asyncio.sleep(random.uniform(0, min(30, 0.5 * 2 ** (failures := failures + 1))))


asyncio.run(ask(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
