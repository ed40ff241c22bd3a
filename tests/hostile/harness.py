"""Hostile harness: a server as a process, an attack in another process, and a quiet user whose conversation is measured.

    async def test_empty_pings_delay_nobody(zygote: Zygote, tmp_path: Path) -> None:
        async with under_attack(zygote, tmp_path, socket={"frames_per_s": 50}) as beside:
            await beside.check("tests.hostile.attacks.socket:empty_pings")

`under_attack` starts a server in mode `tokens` with the users mallory, who attacks, and quiet, who holds a conversation with a model
that says 50 tokens a second. With `auth={"mode": "local", "local_token": True}` both are the one user of this mode, and the attack has to do without
credentials. Its keyword arguments are those of `settings_for`, and `hooks`, which the server calls before it serves. `check` measures the quiet user alone, runs the attack
for some seconds and measures again; it fails if the bar of this module is missed in each of `TRIES` tries. A server that has logged an error fails the test too: its log
would be as long as a client likes. Attacks are functions
`async (Target) -> None` in `tests/hostile/attacks/`. Several attacks can use one server, one after another.

A figure is printed for each attack (`pytest -s`); the long form (`HOLDFAST_FAULTS=long`) gives the table in docs/guarantees.md.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.client import connect

from agent.util.tasks import TaskOwner
from protocol import SUBPROTOCOL_JSON
from protocol import events as ev
from protocol.submissions import UserInput
from server.auth.backends import local
from server.auth.backends.api_tokens import new_token, tokens_path, write_tokens
from server.auth.principal import Right
from server.config.settings import Settings
from tests.faults.harness.lengths import length
from tests.faults.harness.listeners import percentile
from tests.faults.harness.memory import mapped_kib
from tests.faults.harness.order import Hook
from tests.faults.process.process import ROOT, ServerProcess, Zygote
from tests.hostile.target import Target
from tests.support.application import settings_for
from tests.support.forking.interpreter import python
from tests.support.live import DONE, Client
from tests.support.models.process import model_process
from tests.support.network.bare_http import request, status
from tests.support.network.http_client import http_client

TRIES = 3
"""How often the bar may be missed for the machine's own reasons, minus one."""

SECONDS = length(6, 80) / 10
"""How long an attack runs."""

LIVEZ_MS = float(length(2_000, 100))
"""The bar of the long form: `/livez` answers within this time. In the short form other tests keep the same processors busy:
its bar is so far away that only a loop that stands still misses it."""

SLOWED = float(length(5, 2))
"""The bar, in the same way: a turn of the quiet user takes at most this many times as long as without the attack."""

RIGHTS: dict[str, list[Right]] = {"mallory": ["sessions"], "root": ["sessions", "admin"], "quiet": ["sessions"]}
LOCAL_TOKEN = "of-local-mode-" + 32 * "x"
"""By the users of mode `tokens`, what they may; and the one token of mode `local`."""

TOKENS, EVERY_MS = length(20, 40), 20
PROBE_S = 0.004
HTTP_OK = 200


class Figures(msgspec.Struct, frozen=True):
    """What was measured for some seconds. Times in ms; `turn_ms` is the median turn's; memory and descriptors are peaks."""

    livez_p99_ms: float
    livez_max_ms: float
    token_p99_ms: float
    turn_ms: float
    memory_mib: float
    descriptors: int

    def row(self, name: str, alone: "Figures") -> str:
        """These figures as a row of the table in docs/guarantees.md."""
        return (
            f"| {name} | {self.livez_p99_ms:.1f} | {self.livez_max_ms:.1f} | {self.token_p99_ms:.1f} | "
            f"{self.turn_ms / alone.turn_ms:.2f} | {self.memory_mib - alone.memory_mib:+.0f} | "
            f"{self.descriptors - alone.descriptors:+d} |"
        )

    def misses(self, alone: "Figures") -> str:
        """What misses the bar; empty if nothing does."""
        missed = []
        if self.livez_p99_ms > LIVEZ_MS:
            missed.append(f"/livez took {self.livez_p99_ms:.0f} ms (p99), the bar is {LIVEZ_MS:g} ms")
        if self.turn_ms > SLOWED * alone.turn_ms:
            missed.append(f"a turn took {self.turn_ms:.0f} ms, alone {alone.turn_ms:.0f} ms")
        return "; ".join(missed)


class Beside:
    """The quiet user beside the attacks. `target` is for attacks, `server` the process, `quiet` the quiet user's token."""

    def __init__(self, server: ServerProcess, target: Target, quiet: str) -> None:
        self.server = server
        self.target = target
        self.quiet = quiet
        self._alone: Figures | None = None

    async def check(self, attack: str, seconds: float = SECONDS, **options: Any) -> Figures:
        """Run an attack (`module:function`) and check the bar; the figures of the try that met it."""
        name = attack.partition(":")[2].replace("_", " ")
        for tries_left in reversed(range(TRIES)):
            alone = self._alone = self._alone or await self.measure(None)
            figures = await self.measure(attack, seconds, **options)
            print(figures.row(name, alone))
            missed = figures.misses(alone)
            if not missed:
                return figures
            self._alone = None
            assert tries_left, f"{name}: {missed}"
        raise AssertionError("there is no try")

    async def measure(self, attack: str | None, seconds: float = min(SECONDS, 1.0), **options: Any) -> Figures:
        """Measure the quiet user for some seconds, beside an attack or alone."""
        async with contextlib.AsyncExitStack() as stack:
            attacker = None
            if attack is not None:
                target = msgspec.structs.replace(self.target, options=options)
                attacker = await stack.enter_async_context(_attacker(attack, target))
            probe = Probe(self.server)
            tasks = TaskOwner("hostile")
            stack.push_async_callback(tasks.aclose)
            talk = await stack.enter_async_context(conversation(self.server.port, self.quiet))
            if attacker is not None:
                attacker.begin()
            until = time.monotonic() + seconds
            probing = tasks.start(probe.run(until), "livez")
            turns, ages = [], []
            while time.monotonic() < until:
                turn_ms, ages_ms = await turn(talk)
                turns.append(turn_ms)
                ages += ages_ms
            await probing
        return Figures(
            livez_p99_ms=percentile(probe.times_ms, 0.99),
            livez_max_ms=max(probe.times_ms),
            token_p99_ms=percentile(ages, 0.99),
            turn_ms=percentile(turns, 0.5),
            memory_mib=probe.kib / 1024,
            descriptors=probe.descriptors,
        )


class Probe:
    """Asks `/livez` all the time and looks at the server's memory and descriptors. Times in ms, peaks of the others."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.times_ms: list[float] = []
        self.kib = self.descriptors = 0

    async def run(self, until: float) -> None:
        """Until this moment of the monotonic clock."""
        while time.monotonic() < until:
            began = time.monotonic()
            assert status(await request(self._server.port, "/livez")) == HTTP_OK
            self.times_ms.append((time.monotonic() - began) * 1_000)
            self.kib = max(self.kib, mapped_kib(self._server.pid))
            self.descriptors = max(self.descriptors, len(os.listdir(f"/proc/{self._server.pid}/fd")))
            await asyncio.sleep(PROBE_S)


class Attacker:
    """An attack that waits for its beginning in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def begin(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    async def end(self) -> None:
        """End it. Fails if the attack has failed before."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()
        ended = self._process.returncode
        assert ended in (0, -signal.SIGKILL), "the attack failed; its traceback is on standard error"


@contextlib.asynccontextmanager
async def _attacker(attack: str, target: Target) -> AsyncIterator[Attacker]:
    arguments = (*python(), "-m", "tests.hostile.attacker", attack, msgspec.json.encode(target).decode())
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdin=pipe, stdout=pipe)
    attacker = Attacker(process)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n", "the attack did not start"
        yield attacker
    finally:
        await attacker.end()


@contextlib.asynccontextmanager
async def conversation(port: int, token: str, session_id: str = "") -> AsyncIterator[Client]:
    """A synchronized socket of this user, on a session or on a new one."""
    url = f"ws://127.0.0.1:{port}/ws" + (f"/{session_id}" if session_id else "")
    async with connect(
        url,
        subprotocols=[SUBPROTOCOL_JSON],  # type: ignore[list-item]  # a NewType of str
        additional_headers={"Authorization": f"Bearer {token}"},
        compression=None,
        max_size=2**25,
    ) as socket:
        yield await Client(socket).synced()


async def turn(talk: Client) -> tuple[float, list[float]]:
    """One turn: how long it took, and the ages of its tokens at their arrival, in ms."""
    began = time.monotonic()
    await talk.send(UserInput(text=f"tokens={TOKENS} every_ms={EVERY_MS} stamped=1"))
    ages: list[float] = []
    stamps = ""
    while True:
        frame = await talk.next()
        if isinstance(frame, ev.AssistantChunk):
            *whole, stamps = (stamps + frame.text).split(" ")
            now = time.monotonic_ns()
            ages += [(now - int(stamp)) / 1e6 for stamp in whole if stamp]
        elif isinstance(frame, DONE):
            assert isinstance(frame, ev.TurnComplete), frame
            return (time.monotonic() - began) * 1_000, ages


@contextlib.asynccontextmanager
async def under_attack(zygote: Zygote, folder: Path, **groups: Any) -> AsyncIterator[Beside]:
    """A running server with its two users. One at a time on this machine: attacks must not slow each other's quiet user."""
    async with _alone(), model_process() as api_base:
        hooks: Sequence[Hook] = groups.pop("hooks", ())
        settings = settings_for(folder / "data", **{"auth": {"mode": "tokens"}, **groups})
        calls = msgspec.structs.replace(settings.model.calls, api_base=api_base, api_key="secret-key")
        model = msgspec.structs.replace(settings.model, model="openai/scripted", calls=calls)
        settings = msgspec.structs.replace(settings, model=model)
        (folder / "data").mkdir(parents=True, exist_ok=True)
        tokens = _write_tokens(settings)
        async with ServerProcess(zygote, folder, settings, hooks=hooks) as server:
            await server.start()
            target = await _target(server.port, **tokens)
            async with conversation(server.port, tokens["quiet"]) as talk:
                await turn(talk)  # the first model call of a process is slow
            yield Beside(server, target, tokens["quiet"])
            faults = [line for line in server.stderr.splitlines() if " ERROR " in line]
            assert not faults, "what a client does is no fault of the server"


def _write_tokens(settings: Settings) -> dict[str, str]:
    """Write the tokens of the users into the server's files; by their names."""
    if settings.auth.mode == "local":
        path = settings.journal.folder / local.FILE
        path.touch(0o600)
        path.write_text(LOCAL_TOKEN)
        return dict.fromkeys(RIGHTS, LOCAL_TOKEN)
    made = {user: new_token(user, rights, now=time.time()) for user, rights in RIGHTS.items()}
    write_tokens(tokens_path(settings), [token for token, _ in made.values()])
    return {user: secret for user, (_, secret) in made.items()}


async def _target(port: int, mallory: str, root: str, quiet: str) -> Target:
    async with conversation(port, mallory) as one, conversation(port, quiet) as other:
        own, shared = one.ready.session_id, other.ready.session_id
        headers = {"Authorization": f"Bearer {quiet}"}
        links = {}
        async with http_client(f"http://127.0.0.1:{port}", headers=headers) as http:
            for access in ("drive", "read"):
                wanted = {"access": access, "may_set_model": access == "drive"}
                made = await http.post(f"/api/sessions/{shared}/shares", json=wanted)
                links[access] = made.raise_for_status().json()["secret"]
        return Target(port=port, user=mallory, admin=root, session_id=own, shared_id=shared, **links)


@contextlib.asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    """Wait until no other worker of this user runs an attack."""
    path = Path(tempfile.gettempdir()) / f"holdfast-hostile-{os.getuid()}.lock"
    with path.open("w") as file:
        await asyncio.get_running_loop().run_in_executor(None, fcntl.flock, file, fcntl.LOCK_EX)
        yield
