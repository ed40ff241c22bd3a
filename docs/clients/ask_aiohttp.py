"""Asks questions in one session: ask_aiohttp.py ws://HOST:PORT TOKEN SESSION QUESTION... Needs aiohttp 3.9 or newer."""

import asyncio
import json
import random
import sys
import time

from aiohttp import ClientError, ClientSession, WSMsgType, WSServerHandshakeError

STAY_AWAY = {400, 401, 403, 404, 426, 1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429}
ENDS = {"turn_complete", "interrupted", "error", "refused"}


async def ask(server: str, token: str, session: str, *questions: str) -> None:
    waiting = [{"type": "user_input", "id": f"{time.time_ns()}-{i}", "text": text} for i, text in enumerate(questions)]
    path, epoch, failures, wait, code = f"/ws/{session}", "", 0, "", None
    async with ClientSession(server, headers={"Authorization": f"Bearer {token}"}) as http:
        while waiting and code not in STAY_AWAY:
            try:
                async with http.ws_connect(path, protocols=["holdfast.v1.json"], max_msg_size=0) as socket:
                    while waiting and (message := await socket.receive(40)).type is WSMsgType.TEXT:
                        for frame in map(json.loads, message.data.split("\n")):
                            kind, epoch = frame["type"], frame.get("epoch", epoch)
                            if kind == "refused" and frame["retryable"]:
                                raise OSError(frame["code"])  # such as `going_away`: come back and ask again
                            if kind in ENDS:
                                print(frame.get("final_response") or f"({kind})", flush=True)
                                del waiting[0]
                            if kind == "synced" or "at" in frame:
                                path, failures = f"/ws/{session}?after={frame['seq']}&epoch={epoch}", 0
                            if waiting and kind in {"synced", *ENDS}:  # after a cut again: by its id it is done once
                                await socket.send_json(waiting[0])
                    code = socket.close_code
            except WSServerHandshakeError as refused:  # its body is lost: GET /api/sessions/SESSION says why
                code, wait = refused.status, (refused.headers or {}).get("Retry-After", "")  # a proxy's may be a date
            except (ClientError, OSError):
                pass  # no server, a cut, or 40 s of silence: the server sends something every 20 s
            await asyncio.sleep(int(wait if wait.isdigit() else 0) + random.uniform(0, min(30, 0.5 * 2**failures)))
            failures, wait = failures + 1, ""
    sys.exit(f"ended: {code}" if waiting else 0)


asyncio.run(ask(*sys.argv[1:]))
