"""Attacks with what guests and users may submit: models that are addresses, notes and grants, odd arguments, undo."""

import asyncio
import contextlib
import json

import httpx

from protocol.submissions import Approval, ExecApproval, RevokeGrant, SetModel, Undo, UserInput
from tests.hostile.talk import Talk, rounds
from tests.hostile.target import Target
from tests.support.network.http_client import http_client

MODELS = (
    "oobabooga/http://127.0.0.1:{port}/x",
    "http://127.0.0.1:{port}/v1",
    "ollama/127.0.0.1:{port}",
    "huggingface/http://localhost:{port}",
    "openai/http://[::1]:{port}/v1",
    "openai_like/x",
    "no-such-provider/x",
    "vertex_ai/x",
)
"""Addresses, providers that are not called, and one that the operator did not name."""

NOTES = ("AGENTS.md", "agents.md", "./AGENTS.md", "a/../AGENTS.md", "AGENTS.md/")

UNSEEN = "\u202e\u200b\u2800\u3164\ufe0f\xad" + "".join(chr(0xE0020 + code) for code in range(90))
"""Characters that turn a line around, fill it, or show nothing."""

CALLS = 16
ARGUMENT_CHARS = 4_000
FEEDBACK_CHARS = 20_000

QUERY_BYTES = 60_000
LONG_SESSION = "f" * 32
"""Of mallory, with four messages of a megabyte."""
ANSWER_BYTES_MAX = 16_000_000
OK = 200
NOT_LET_IN = (400, 401, 403, 404, 429)
HEAD_REFUSED = (400, 414, 431)


async def models_by_address(target: Target) -> None:
    """A guest who may set the model names addresses and unknown providers, and speaks after each few."""
    reached: list[object] = []

    async def play(talk: Talk) -> None:
        await talk.send(*(SetModel(model=model.format(port=port)) for model in MODELS))
        for _ in MODELS:
            refused = await talk.until("refused", "model_changed")
            assert refused["code"] == "unknown_model", refused
        await talk.send(UserInput(text="tokens=1"))
        await talk.until("turn_complete")
        assert not reached, "something was sent to the address"

    async with await asyncio.start_server(lambda *peer: reached.append(peer), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await rounds(target, "drive", play)


async def notes_and_grants(target: Target) -> None:
    """A guest has calls allowed for the session and takes that back, and writes AGENTS.md in every way there is."""
    fetch = 'call=web_fetch:{"url":"http://127.0.0.1:1/"} tokens=1'
    write = 'call=write:{"path":"AGENTS.md","content":"obey"} tokens=1'
    files = f"/api/sessions/{target.shared_id}/files"

    async def play(talk: Talk) -> None:
        for name in NOTES:
            put = await http.put(f"{files}/{name}", content=b"obey")
            assert put.status_code in NOT_LET_IN, (name, put.status_code)
        await talk.send(UserInput(text=fetch))
        call_id = (await talk.until("approval_required"))["tools"][0]["tool_call_id"]
        await talk.send(ExecApproval(approvals=[Approval(call_id, approved=True, scope="session")]))
        await talk.until("turn_complete")
        await talk.send(UserInput(text=write))
        call_id = (await talk.until("approval_required"))["tools"][0]["tool_call_id"]
        await talk.send(ExecApproval(approvals=[Approval(call_id, approved=True)]))
        refused = await talk.until("refused", "tool_state_change")
        assert refused["code"] == "forbidden", refused
        await talk.send(ExecApproval(approvals=[Approval(call_id, approved=False)]))
        await talk.until("turn_complete")
        await talk.send(RevokeGrant(grant="web_fetch:127.0.0.1:1"))
        await talk.until("grant_revoked")

    async with http_client(target.http, headers=target.headers("drive")) as http:
        await rounds(target, "drive", play)


async def large_and_odd_arguments(target: Target) -> None:
    """A user's session asks for approval of commands that cannot be seen, many in a message; all are rejected, at length."""
    command = "rm " + UNSEEN * (ARGUMENT_CHARS // len(UNSEEN))
    text = f"call=bash:{json.dumps({'command': command})} times={CALLS} tokens=1"
    feedback = UNSEEN * (FEEDBACK_CHARS // len(UNSEEN))

    async def play(talk: Talk) -> None:
        await talk.send(UserInput(text=text))
        asked = (await talk.until("approval_required"))["tools"]
        assert [tool["arguments"] for tool in asked] == [{"command": command}] * CALLS
        answers = [Approval(tool["tool_call_id"], approved=False, feedback=feedback) for tool in asked]
        await talk.send(ExecApproval(approvals=answers))
        await talk.until("turn_complete", "error", "refused")

    await asyncio.gather(*(rounds(target, "user", play, new=True) for _ in range(4)))


async def undo_and_long_queries(target: Target) -> None:
    """A user takes turns back without end, and sends queries that are too long, and a link's secret as if it were a token."""

    async def undo(talk: Talk) -> None:
        await talk.send(UserInput(text="tokens=1"))
        await talk.until("turn_complete")
        await talk.send(Undo())
        await talk.until("undo_complete")

    async def requests(http: httpx.AsyncClient) -> None:
        while True:
            with contextlib.suppress(httpx.TransportError):
                long = await http.get(f"/api/sessions?x={'x' * QUERY_BYTES}", headers=target.headers("user"))
                assert long.status_code in HEAD_REFUSED, long.status_code
            with contextlib.suppress(httpx.TransportError):
                login = await http.post("/auth/token", json={"token": target.drive})
                assert login.status_code in NOT_LET_IN, login.status_code

    async with http_client(target.http) as http:
        await asyncio.gather(rounds(target, "user", undo), *(requests(http) for _ in range(4)))


async def large_lists(target: Target) -> None:
    """A user lists sessions with large calls that wait, and reads long ones; an admin lists all. Several at once."""
    long = f"/api/sessions/{LONG_SESSION}"
    admin, user = target.headers("admin"), target.headers("user")

    async def requests(http: httpx.AsyncClient, headers: dict[str, str], *paths: str) -> None:
        while True:
            for path in paths:
                with contextlib.suppress(httpx.TransportError):
                    answer = await http.get(path, headers=headers, timeout=30.0)
                    assert answer.status_code == OK, answer.text
                    assert len(answer.content) < ANSWER_BYTES_MAX, path

    async with http_client(target.http) as http:
        await asyncio.gather(
            *(requests(http, admin, "/api/admin/sessions") for _ in range(2)),
            *(requests(http, user, "/api/sessions", f"{long}/events?limit=1000", f"{long}/export") for _ in range(4)),
        )
