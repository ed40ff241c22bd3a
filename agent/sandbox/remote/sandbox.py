"""Remote sandbox: one session's sandbox on the Hub; claimed, then created at its first use, and found again later."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import msgspec

from agent.policy.effects import Effects
from agent.sandbox.claims import Claim, Claims
from agent.sandbox.remote.upload import WorkspaceUpload
from agent.sandbox.sandbox import refuse_nul
from agent.sandbox.search import search_by_command
from agent.util.tasks import TaskOwner
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import (
    Entry,
    ExitStatus,
    FileStart,
    OutputSink,
    SandboxError,
    SandboxLost,
    SearchRequest,
    SearchResult,
)
from agent.workspace.paths import file_parts, folder_parts
from agent.workspace.workspace import LISTED_MAX, READ_BYTES_MAX, Workspace

CLAIM_ID_BYTES = 12
LATE_S = 30.0
"""Seconds beyond a command's time in which the sandbox itself may end it."""
Progress = Callable[[str], Awaitable[None]]
"""Takes a line of text for people: how far the creation is."""
DetailKnown = Callable[[str], Awaitable[None]]
"""Takes the claim's `detail` as soon as it is known."""


START_TIMEOUT_S = 900.0
"""How long a remote sandbox may take to start; then it is given up. A Space that is built takes minutes."""

START_WAIT_S = 300.0
"""How long one call waits for a sandbox that starts; then the model is told to try again. Below `turn.tool_timeout_s`."""


class SandboxClient(Protocol):
    """Speaks to a remote sandbox that is ready. Paths are checked already. Each method may raise SandboxError, SandboxLost too."""

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        """As `Sandbox.exec`."""

    async def read(self, path: str, most: int) -> FileStart:
        """The first `most` bytes of a file, and its size."""

    async def write(self, path: str, data: bytes) -> bool:
        """As `Sandbox.write`."""

    async def list(self, path: str, recursive: bool, most: int) -> tuple[list[Entry], bool]:
        """As `Sandbox.list`, `most` names."""

    async def aclose(self) -> None:
        """Close the connections to it; the sandbox goes on."""


class SandboxProvider(Protocol):
    """Creates, finds and deletes sandboxes of one kind with one owner's token. Each method may raise SandboxError."""

    kind: str
    owned: bool
    """Whether sessions create them, so that they are claimed and given back."""
    says: str
    flavor: str
    usd_per_hour: float | None
    """Its price while it runs; None: not known."""

    async def make(self, claim_id: str, detail_known: DetailKnown, progress: Progress) -> SandboxClient:
        """Create a sandbox and wait until it is ready. The same `claim_id` gives the same sandbox."""

    async def find(self, claim: Claim, progress: Progress) -> SandboxClient | None:
        """Find what was claimed and wait until it is ready; None if it does not exist (any more)."""

    async def give_back(self, claim: Claim) -> bool:
        """Delete what was claimed; whether it existed."""


class RemoteSandbox:
    """One session's sandbox. `close` only disconnects: the sandbox goes on, and is found and given back by its claim."""

    network = True

    def __init__(self, provider: SandboxProvider, claims: Claims, workspace: Workspace, disk: DiskExecutor) -> None:
        """`workspace`: the session's files on the server, which are uploaded to the sandbox; read by `disk`."""
        self.says = provider.says
        self._provider = provider
        self._claims = claims
        self._limits = workspace.limits
        self._upload = WorkspaceUpload(workspace, disk)
        self._client: SandboxClient | None = None
        self._making: asyncio.Task[SandboxClient | SandboxError] | None = None
        self._progress: list[str] = []
        self._changed = asyncio.Event()
        self._agreed = provider.usd_per_hour == 0.0
        self._paid_until: float | None = None
        self._closed = False
        self._tasks = TaskOwner("sandbox")

    def spends(self) -> Effects:
        """The effects of the next call: it may start paid hardware. The estimated cost is that of an hour."""
        price = self._provider.usd_per_hour
        if price == 0.0 or self._paid_until is not None:
            return Effects()
        cost = "at a price that is not known" if price is None else f"at ${price:g} an hour"
        says = f"start a sandbox on {self._provider.flavor} {cost}, paid by the session's owner"
        return Effects(says, frozenset({"spend"}), cost_usd=price)

    def agree(self) -> None:
        """The effects of `spends` were approved. Without that, no call starts paid hardware."""
        self._agreed = True

    def take_cost(self) -> float | None:
        """US dollars since the last call of this, by list price; None if the price is not known."""
        price = self._provider.usd_per_hour
        if self._paid_until is None or price is None:
            return 0.0 if price is not None else None
        now = asyncio.get_running_loop().time()
        since, self._paid_until = self._paid_until, now
        return price * (now - since) / 3_600

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        """Run a command; while the sandbox is being created, `output` gets the progress."""

        async def report(text: str) -> None:
            await output(f"[{text}]\n".encode())

        refuse_nul(command)
        async with self._using(report) as client:
            return await client.exec(command, output, timeout_s)

    async def read(self, path: str) -> FileStart:
        """The first `READ_BYTES_MAX` bytes of a file, and its size."""
        name = "/".join(file_parts(path, self._limits))
        async with self._using() as client:
            return await client.read(name, READ_BYTES_MAX)

    async def write(self, path: str, data: bytes) -> bool:
        """As `Sandbox.write`."""
        name = "/".join(file_parts(path, self._limits))
        async with self._using() as client:
            return await client.write(name, data)

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        """As `Sandbox.list`."""
        name = "/".join(folder_parts(path, self._limits))
        async with self._using() as client:
            return await client.list(name, recursive, LISTED_MAX)

    async def search(self, search: SearchRequest) -> SearchResult:
        """By a command, which needs `python3` there."""
        folder_parts(search.path, self._limits)
        async with self._using() as client:
            return await search_by_command(client.exec, search)

    async def close(self) -> None:
        """Disconnect; a creation that is under way goes on at the Hub, and is found by its claim."""
        self._closed = True
        await self._tasks.aclose()
        await self._drop()

    @asynccontextmanager
    async def _using(self, report: Progress | None = None) -> AsyncIterator[SandboxClient]:
        client = self._client or await self._ready(report)
        try:
            await self._upload.run(client)
            yield client
        except SandboxLost as error:
            if self._client is client:
                await self._drop()
            raise SandboxError(f"{error}; the next call looks for it, and makes a new one if it is gone") from None

    async def _ready(self, report: Progress | None) -> SandboxClient:
        if self._closed:
            raise SandboxError("the sandbox is closed")
        if not self._agreed:
            raise SandboxError(
                "the session's sandbox, on paid hardware, is not begun yet: begin it with `bash` or `write`"
            )
        if self._making is None or self._making.done():
            self._progress.clear()
            self._making = self._tasks.start(self._make(), "make")
            self._making.add_done_callback(lambda _: self._wake_waiting())
        making, reported = self._making, 0
        with suppress(TimeoutError):
            async with asyncio.timeout(START_WAIT_S):
                while not making.done() or reported < len(self._progress):
                    changed = self._changed
                    while report is not None and reported < len(self._progress):
                        reported += 1
                        await report(self._progress[reported - 1])
                    if report is None:
                        reported = len(self._progress)
                    if not making.done():
                        await changed.wait()
        if not making.done():
            raise SandboxError("the sandbox is still being made; try again in a minute")
        if making.cancelled():
            raise SandboxError("the sandbox is closed")
        made = making.result()
        if isinstance(made, SandboxError):
            raise made
        return made

    async def _make(self) -> SandboxClient | SandboxError:
        try:
            client = await (
                self._find_or_create()
                if self._provider.owned
                else self._provider.make("", _ignore_detail, self._report)
            )
        except SandboxError as error:
            return error
        self._client = client
        if self._paid_until is None:
            self._paid_until = asyncio.get_running_loop().time()
        return client

    async def _find_or_create(self) -> SandboxClient:
        claim: Claim | None = None
        for held in await self._claims.held():
            if held.kind != self._provider.kind:
                continue
            await self._report("looking for the session's sandbox")
            found = await self._provider.find(held, self._report)
            if found is not None:
                return found
            if not held.detail:
                claim = held  # it may appear yet: the new one gets its name, and is given back with it
                continue
            await self._provider.give_back(held)
            await self._claims.release(held.claim_id)
            await self._report("the session's sandbox is gone, and what was in it; a new one is made")
        if claim is None:
            claim = Claim(secrets.token_hex(CLAIM_ID_BYTES), self._provider.kind)
            await self._claims.put(claim)
        return await self._ask_for(claim)

    async def _ask_for(self, claim: Claim) -> SandboxClient:
        stored = claim

        async def named(detail: str) -> None:
            nonlocal stored
            stored = msgspec.structs.replace(claim, detail=detail)
            await self._claims.put(stored)

        try:
            return await self._provider.make(claim.claim_id, named, self._report)
        except SandboxError:
            with suppress(SandboxError):  # if that fails it is given back later, by its claim
                await self._provider.give_back(stored)
                if stored.detail:
                    await self._claims.release(stored.claim_id)
            raise

    async def _report(self, text: str) -> None:
        self._progress.append(text)
        self._wake_waiting()

    def _wake_waiting(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        self._upload.reset()
        if client is not None:
            await client.aclose()


async def _ignore_detail(_: str) -> None:
    """For a sandbox without a claim, which has no detail to store."""
