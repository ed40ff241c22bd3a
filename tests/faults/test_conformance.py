"""RFC 6455 as the Autobahn test suite reads it: the server's own websocket under an echo route. Long form only."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from tests.faults.harness import autobahn
from tests.faults.harness.lengths import in_the_long_form
from tests.unit.server.serving import app_of, serving, settings_for

CASES = [f"{group}.*" for group in (1, 2, 3, 4, 5, 6, 7, 9, 10)]
COUNT = 301
LARGEST_MESSAGE = 16 * 2**20
UNPACED = 1_000_000
"""The suite sends 4 MiB in fragments of 64 bytes, which by default is read more slowly than the suite waits."""

LATE_ECHO = "the connection fails at once at a bad frame, and the message just before it is not echoed any more"
WHOLE_TEXT = "bad UTF-8 is found at the end of a message, not at the first bad byte of a fragment"
UNJUDGED = "the suite records what happens and does not judge it"
CLOSE_INSIDE = "a close in the middle of a fragmented message is answered with 1002, for 1000: so does the library"
ALLOWED: dict[str, tuple[str, str, str]] = {
    **dict.fromkeys(["3.2", "3.3", "3.4", "5.15"], ("NON-STRICT", "OK", LATE_ECHO)),
    **dict.fromkeys([f"4.{kind}.{case}" for kind in (1, 2) for case in (3, 4, 5)], ("NON-STRICT", "OK", LATE_ECHO)),
    **dict.fromkeys([f"6.4.{case}" for case in (1, 2, 3, 4)], ("NON-STRICT", "OK", WHOLE_TEXT)),
    **dict.fromkeys(["7.1.6", "7.13.1", "7.13.2"], ("INFORMATIONAL", "INFORMATIONAL", UNJUDGED)),
    "7.1.5": ("FAILED", "WRONG CODE", CLOSE_INSIDE),
}
"""What need not be OK: the case, what it may be instead, and why. All of it is uvicorn's or its library's."""


class Echo:
    """The route, as an ASGI app: says again what is said."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})


@in_the_long_form
@pytest.mark.timeout(autobahn.RUN_S + 3 * autobahn.INSTALL_S)
async def test_the_autobahn_suite_fails_only_where_uvicorn_itself_does(tmp_path: Path, tally: Counter[str]) -> None:
    settings = settings_for(
        inbound_message_bytes=LARGEST_MESSAGE, outbound_frame_bytes=8 * LARGEST_MESSAGE, frames_per_s=UNPACED
    )
    async with serving(app_of([WebSocketRoute("/ws", Echo())], settings), settings) as running:
        url = f"ws://127.0.0.1:{running.port}/ws"
        try:
            verdicts = await asyncio.to_thread(autobahn.run, url, CASES, tmp_path / "reports")
        except autobahn.NotHere as reason:
            pytest.fail(str(reason), pytrace=False)
    assert len(verdicts) == COUNT
    for verdict in verdicts.values():
        tally[f"Autobahn cases {verdict.behavior}"] += 1
    found = {case: (v.behavior, v.behavior_close) for case, v in verdicts.items()}
    wrong = {
        case: verdict
        for case, verdict in found.items()
        if verdict != ("OK", "OK") and verdict != ALLOWED.get(case, ())[:2]
    }
    assert wrong == {}
