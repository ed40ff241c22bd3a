"""Attacks of commands: files of odd names and kinds, and calls of the kernel that no command may make."""

import asyncio
import contextlib
import json
from urllib.parse import quote

import httpx

from protocol.submissions import UserInput
from tests.hostile.talk import Talk, rounds
from tests.hostile.target import Target
from tests.support.network.http_client import http_client

ODD = """
mkfifo $(seq -f pipe%g 200) 2>/dev/null
printf 'name-\\377-%d\\0' $(seq 500) | xargs -0 touch
printf 'two\\nlines\\033-%d\\0' $(seq 500) | xargs -0 touch
mkdir -p "$(printf 'd/%.0s' $(seq 60))" locked; chmod 0 locked
ln -sfn /etc etc; ln -sfn . self; touch locked-file; chmod 0 locked-file; touch kept.txt
"""
"""Pipes, names that are not UTF-8 and names of two lines, deep and locked folders, and links."""

MAKE_ODD_FILES = f"call=bash:{json.dumps({'command': ODD})} tokens=1"
"""An input after which the model runs that command."""

ORDINARY = ("Screenshot\u202f12.png", "a\xa0b.txt", "\u3000.txt", "\U0001f468\u200d\U0001f469\u200d\U0001f467.txt")
"""Names that people have: of macOS, of Word, of Japanese, of an emoji with joiners."""

UNCLEAN = ("two\nlines", "esc\x1b[2J", "line\u2028end")

CALLS = """
import ctypes, os, socket, time
libc, done = ctypes.CDLL(None, use_errno=True), 0
until = time.monotonic() + 2
while time.monotonic() < until:
    for family in range(64):
        try:
            socket.socket(family, socket.SOCK_DGRAM).close()
            done += family not in (1, 2, 10, 16)
        except OSError:
            pass
    done += libc.syscall(425, 1, 0) != -1 or ctypes.get_errno() != 38
    try:
        open("/proc/self/oom_score_adj", "w").write("-1000")
        done += 1
    except OSError:
        pass
print("done", done)
"""
"""Sockets of all families, of which four are let through; `io_uring_setup`, which must not be there (ENOSYS); and an own oom score."""

TAKEN = (200, 201, 429, 503)
BAD_REQUEST, OK = 400, 200


async def odd_files(target: Target) -> None:
    """A command makes odd files again and again, while the list is read and names of people and of attackers are uploaded."""
    files = f"/api/sessions/{target.session_id}/files"

    async def play(talk: Talk) -> None:
        await talk.send(UserInput(text=MAKE_ODD_FILES))
        await talk.until("turn_complete")

    async def uploads(http: httpx.AsyncClient) -> None:
        while True:
            with contextlib.suppress(httpx.TransportError):
                listed = await http.get(files)
                assert listed.status_code in {OK, 503}, listed.text
                for name in ORDINARY:
                    put = await http.put(f"{files}/{quote(name)}", content=b"x")
                    assert put.status_code in TAKEN, (name, put.text)
                for name in UNCLEAN:
                    put = await http.put(f"{files}/{quote(name)}", content=b"x")
                    assert put.status_code in {BAD_REQUEST, 429}, (name, put.text)

    async with http_client(target.http, headers=target.headers("user")) as http:
        await asyncio.gather(rounds(target, "user", play), *(uploads(http) for _ in range(4)))


async def calls_of_the_kernel(target: Target) -> None:
    """Commands, 16 in a message, try sockets of all families, calls that none needs, and to be spared when memory is short."""
    command = json.dumps({"command": f"/usr/bin/python3 -c '{CALLS}'"})

    async def play(talk: Talk) -> None:
        await talk.send(UserInput(text=f"call=bash:{command} times=16 tokens=1"))
        for _ in range(16):
            output = (await talk.until("tool_output"))["output"]
            assert "done" not in output or "done 0" in output, output
        await talk.until("turn_complete")

    await rounds(target, "user", play)
