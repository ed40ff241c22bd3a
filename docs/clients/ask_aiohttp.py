"""Asks questions in one session: ask_aiohttp.py ws://HOST:PORT TOKEN SESSION QUESTION... Needs aiohttp 3.9 or newer."""

import asyncio
import json
import random
import sys
import uuid

from aiohttp import ClientError, ClientSession, WSMsgType, WSServerHandshakeError

STAY_AWAY = {1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429}


async def ask(server: str, token: str, session: str, questions: list[str]) -> None:
    headers, position, answer, failures, silence = {"Authorization": f"Bearer {token}"}, "", "", 0, 30.0
    waiting = [{"type": "user_input", "id": uuid.uuid4().hex, "text": text} for text in questions]
    async with ClientSession(headers=headers) as http:
        while waiting:
            try:
                async with http.ws_connect(
                    f"{server}/ws/{session}{position}", max_msg_size=2**25, protocols=["holdfast.v1.json"]
                ) as socket:
                    live = False
                    while waiting and (message := await socket.receive(silence)).type is WSMsgType.TEXT:
                        for frame in map(json.loads, message.data.split("\n")):
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
                                await socket.send_json(
                                    waiting[0]
                                )  # again after a cut: its id makes sure it is done once
                    if waiting and socket.close_code in STAY_AWAY:
                        sys.exit(f"closed: {socket.close_code} {message.extra}")
            except WSServerHandshakeError as refused:  # of the body nothing is left: GET /api/sessions/SESSION says why
                if refused.status not in (429, 502, 503, 504):
                    sys.exit(f"refused: {refused.status}")
            except (ClientError, OSError, TimeoutError):  # not reached, or nothing came for too long
                pass
            if waiting:
                await asyncio.sleep(random.uniform(0, min(30, 0.5 * 2**failures)))
                failures += 1


asyncio.run(ask(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
