"""Canary: a secret is put into every input of a real server, and is then searched for in all that the server wrote, logged or sent."""

import base64
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_KEY
from protocol import events as ev
from protocol import submissions as sub
from server.auth.backends.api_tokens import new_token, tokens_path, write_tokens
from server.config.settings import Settings
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.browser_login import cookie_of, headers_of
from tests.support.live import DONE, Client
from tests.support.models.scripted_model import (
    Answer,
    Call,
    ErrorChunk,
    Finish,
    Reason,
    Refusal,
    ScriptedModel,
    Text,
    calls,
    stream,
)
from tests.support.network.http_client import http_client

OF_THE_ENVIRONMENT = "plain words of the canary"
TOKEN = "hf_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1W"
SHAPES = [
    TOKEN,
    "sk-proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv",
    OF_THE_ENVIRONMENT,
    base64.b64encode(OF_THE_ENVIRONMENT.encode()).decode(),
]
CANARY = " ; ".join(SHAPES)
FILE = "mine.txt"


def pieces() -> list[str]:
    return [CANARY[at : at + 3] for at in range(0, len(CANARY), 3)]


def script() -> list[Answer]:
    """What the model says: the canary in text, reasoning, arguments, and in both kinds of error."""
    write = Call("write", {"path": "note.txt", "content": CANARY}, id="c1")
    return [
        stream(*map(Reason, pieces()), *map(Text, pieces()), write, Finish("tool_calls")),
        calls(Call("read", {"path": FILE}, id="c2"), Call(TOKEN, '{"path": "' + CANARY, id=TOKEN)),
        stream(*map(Text, pieces()), Finish()),
        Refusal(400, f"bad request of {CANARY}"),
        stream(Text(f"It is {CANARY[:20]}"), ErrorChunk(f"the engine died of {CANARY}")),
    ]


def found_in(data: bytes, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret.encode() in data]


def leaks(folder: Path, secrets: list[str]) -> Iterator[str]:
    """Every file below the folder that holds one; the user's own file, which held it before, is left out, and its copy in a snapshot."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "config.json" and (data := path.read_bytes()) != CANARY.encode():
            for secret in found_in(data, secrets):
                yield f"{path.relative_to(folder)}: {secret}"


@contextlib.asynccontextmanager
async def socket(server: ServerProcess, credential: str, session_id: str = "") -> AsyncIterator[Client]:
    path = f"/{session_id}" if session_id else ""
    async with connect(
        f"{server.ws}{path}",
        subprotocols=[SUBPROTOCOL_JSON],  # type: ignore[list-item]  # a NewType of str
        additional_headers={"Authorization": f"Bearer {credential}", "X-Canary": CANARY, "Cookie": f"canary={TOKEN}"},
        compression=None,
    ) as raw:
        yield await Client(raw).synced()


async def talk(client: Client) -> None:
    """A conversation with the canary in everything that can be said."""
    await client.send(sub.SetTitle(title=f"about {TOKEN}", id="t1"))
    await client.send(sub.UserInput(text=f"look at {CANARY}", id="u1"))
    await client.until_type(ev.ApprovalRequired)
    edited = {"path": "note.txt", "content": f"edited {CANARY}"}
    approval = sub.Approval(tool_call_id="c1", approved=True, feedback=CANARY, arguments=edited)
    await client.send(sub.ExecApproval(approvals=[approval], id="a1"))
    assert isinstance(await client.until_type(*DONE), ev.TurnComplete)
    for number in (2, 3):
        await client.send(sub.UserInput(text=f"again {CANARY}", id=f"u{number}"))
        assert isinstance(await client.until_type(*DONE), ev.ErrorEvent)
    await client.send(sub.SetModel(model=f"openai/{TOKEN}", id="m1"))
    await client.until(lambda frame: getattr(frame, "submission_id", "") == "m1" or getattr(frame, "id", "") == "m1")


async def misuse(server: ServerProcess, credential: str) -> list[bytes]:
    """Requests that are wrong in the ways that are logged; the answers."""
    headers = {"Authorization": f"Bearer {credential}", "X-Canary": TOKEN, "Cookie": f"canary={TOKEN}"}
    answers: list[bytes] = []
    async with http_client(server.http, headers=headers) as http:
        for path in ("/api/sessions", f"/api/sessions/{TOKEN}", f"/api/sessions?canary={TOKEN}", "/api/config"):
            answers.append((await http.get(path, params={"canary": TOKEN})).content)
    with pytest.raises(InvalidStatus):
        await connect(f"{server.ws}?after={TOKEN}", additional_headers=headers)
    with pytest.raises(InvalidStatus):
        await connect(server.ws, additional_headers={"Authorization": f"Bearer {TOKEN}"})
    return answers


async def browse(server: ServerProcess, credential: str) -> list[str]:
    """Log in, talk and log out as the page does; the secrets that the browser got."""
    async with http_client(server.http) as http:
        answer = await http.post("/auth/token", json={"token": credential})
        key, own = answer.json()["key"], {**headers_of(answer), "Origin": server.http}
        assert (await http.get("/api/me", headers=own)).status_code == 200
        offered: Any = [SUBPROTOCOL_JSON, SUBPROTOCOL_KEY + key]
        cookie = {**cookie_of(answer), "Origin": server.http}
        async with connect(server.ws, subprotocols=offered, additional_headers=cookie) as raw:
            assert raw.subprotocol == SUBPROTOCOL_JSON
            await Client(raw).synced()
        with pytest.raises(InvalidStatus):
            await connect(f"{server.ws}?after=x", subprotocols=offered, additional_headers=cookie)
        return [key, cookie["Cookie"].partition("=")[2]]


def two_users(settings: Settings) -> tuple[str, str]:
    """Alice's and Bob's API tokens."""
    (alice, hers), (bob, his) = (new_token(user, ["sessions"], now=time.time()) for user in ("alice", "bob"))
    settings.journal.folder.mkdir(parents=True)
    write_tokens(tokens_path(settings), [alice, bob])
    return hers, his


async def test_a_canary_in_every_input_is_in_no_file_no_log_and_no_frame(zygote: Zygote, tmp_path: Path) -> None:
    async with ScriptedModel(script(), allow_complaints=True) as model:
        settings = settings_for(tmp_path / "data", model, auth={"mode": "tokens"})
        loud = msgspec.structs.replace(settings.server, log_level="debug", access_log=True)
        settings = msgspec.structs.replace(settings, server=loud)
        alice, bob = two_users(settings)
        secrets = [*SHAPES, alice, bob]
        async with ServerProcess(zygote, tmp_path / "logs", settings) as server:
            server.environ = {"CANARY_SECRET": OF_THE_ENVIRONMENT}
            await server.start()
            async with socket(server, alice) as hers, socket(server, bob) as his:
                session_id = hers.ready.session_id
                workspace = settings.journal.folder / "workspaces" / session_id
                workspace.mkdir(parents=True)
                (workspace / FILE).write_text(CANARY)
                await talk(hers)
                await his.send(sub.UserInput(text="hello", id="b1"))
                await his.until_type(*DONE)
                answers = [*await misuse(server, alice), *await misuse(server, bob)]
                async with socket(server, alice, session_id) as again:
                    frames = [msgspec.json.encode(frame) for one in (hers, his, again) for frame in one.frames]
                    await again.send(sub.UserInput(text="hello", id=TOKEN))
                    assert (await again.refusal()).code == "invalid"
                secrets += await browse(server, bob)
                assert list(leaks(settings.journal.folder, secrets)) == [], "while it runs: the write-ahead log too"
            assert await server.terminate() == 0
        assert [leak for frame in (*frames, *answers) for leak in found_in(frame, secrets)] == []
        assert list(leaks(tmp_path, secrets)) == []
        assert [leak for request in model.requests for leak in found_in(repr(request.body).encode(), SHAPES)] == []
        assert b"[redacted: CANARY_SECRET]" in b"".join(frames), "it came in, and was taken out"
        assert (
            (workspace / "note.txt").read_text().startswith("edited [redacted: Hugging Face token] ; [redacted: OpenAI")
        )
        assert "GET /api/sessions" in server.stderr, "the access log was on"
