"""A sandbox elsewhere, as one session has it: made at first use, claimed before it is asked for, found again later."""

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
from agent.sandbox.settings import SandboxSettings
from agent.util.tasks import TaskOwner
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
from agent.workspace.workspace import Workspace

CLAIM_ID_BYTES = 12
LATE_S = 30.0
"""How long past its time a command may be ended by the sandbox itself."""
Progress = Callable[[str], Awaitable[None]]
"""Hears how far the making is, in words for people."""
DetailKnown = Callable[[str], Awaitable[None]]
"""Is told by what it is found, as soon as that is known."""


class SandboxClient(Protocol):
    """A sandbox elsewhere that is ready. Paths have been checked. Every method may raise SandboxError, `SandboxLost` too."""

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        """As `Sandbox.exec`."""

    async def read(self, path: str, most: int) -> FileStart:
        """The first `most` bytes of a file, and its size."""

    async def write(self, path: str, data: bytes) -> bool:
        """As `Sandbox.write`."""

    async def list(self, path: str, recursive: bool, most: int) -> tuple[list[Entry], bool]:
        """As `Sandbox.list`, `most` names."""

    async def aclose(self) -> None:
        """Let go of the connections to it; it stays."""


class SandboxProvider(Protocol):
    """How one kind of sandbox is made, found and given back, with one owner's token. All may raise SandboxError."""

    kind: str
    owned: bool
    """Whether sessions make them, so that they are claimed and given back."""
    says: str
    flavor: str
    usd_per_hour: float | None
    """What it costs while it runs; None: nobody knows."""

    async def make(self, claim_id: str, named: DetailKnown, say: Progress) -> SandboxClient:
        """Ask for one under this name, and wait until it is ready. Asked again under the same name it is the same one."""

    async def find(self, claim: Claim, say: Progress) -> SandboxClient | None:
        """What was asked for, ready; None if it is not there (any more)."""

    async def give_back(self, claim: Claim) -> bool:
        """See that it is no more; whether there was one."""


class RemoteSandbox:
    """One session's. `close` lets go of it: it stays, and is found by its claim. Given back it is by that claim too."""

    network = True

    def __init__(self, maker: SandboxProvider, claims: Claims, settings: SandboxSettings, workspace: Workspace) -> None:
        """`workspace`: the session's files on the server, which are brought there."""
        self.says = maker.says
        self._maker = maker
        self._claims = claims
        self._settings = settings
        self._limits = workspace.limits
        self._bringing = WorkspaceUpload(workspace)
        self._place: SandboxClient | None = None
        self._making: asyncio.Task[SandboxClient | SandboxError] | None = None
        self._said: list[str] = []
        self._news = asyncio.Event()
        self._agreed = maker.usd_per_hour == 0.0
        self._paid_until: float | None = None
        self._closed = False
        self._tasks = TaskOwner("sandbox")

    def spends(self) -> Effects:
        """What the next call would do beyond itself: begin to use paid hardware. The estimate is an hour of it."""
        price = self._maker.usd_per_hour
        if price == 0.0 or self._paid_until is not None:
            return Effects()
        cost = "at a price that is not known" if price is None else f"at ${price:g} an hour"
        says = f"start a sandbox on {self._maker.flavor} {cost}, paid by the session's owner"
        return Effects(says, frozenset({"spend"}), cost_usd=price)

    def agree(self) -> None:
        """What `spends` says was judged: it may be. Without that paid hardware is not begun, whoever asks for it."""
        self._agreed = True

    def take_cost(self) -> float | None:
        """US dollars since it was asked last, by list price; None if the price is not known."""
        price = self._maker.usd_per_hour
        if self._paid_until is None or price is None:
            return 0.0 if price is not None else None
        now = asyncio.get_running_loop().time()
        since, self._paid_until = self._paid_until, now
        return price * (now - since) / 3_600

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        """Run a command; while the sandbox is being made, `output` hears how far that is."""

        async def say(text: str) -> None:
            await output(f"[{text}]\n".encode())

        refuse_nul(command)
        async with self._using(say) as place:
            return await place.exec(command, output, timeout_s)

    async def read(self, path: str) -> FileStart:
        """The first `read_bytes_max` bytes of a file, and its size."""
        name = "/".join(file_parts(path, self._limits))
        async with self._using() as place:
            return await place.read(name, self._limits.read_bytes_max)

    async def write(self, path: str, data: bytes) -> bool:
        """Put a file there."""
        name = "/".join(file_parts(path, self._limits))
        async with self._using() as place:
            return await place.write(name, data)

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        """What is in a folder."""
        name = "/".join(folder_parts(path, self._limits))
        async with self._using() as place:
            return await place.list(name, recursive, self._limits.listed_max)

    async def search(self, wanted: SearchRequest) -> SearchResult:
        """By a command, which needs `python3` there."""
        folder_parts(wanted.path, self._limits)
        async with self._using() as place:
            return await search_by_command(place.exec, wanted, self._settings)

    async def close(self) -> None:
        """Let go of it; what is being made goes on elsewhere and is found by its claim."""
        self._closed = True
        await self._tasks.aclose()
        await self._drop()

    @asynccontextmanager
    async def _using(self, say: Progress | None = None) -> AsyncIterator[SandboxClient]:
        place = self._place or await self._ready(say)
        try:
            await self._bringing.bring(place)
            yield place
        except SandboxLost as error:
            if self._place is place:
                await self._drop()
            raise SandboxError(f"{error}; the next call looks for it, and makes a new one if it is gone") from None

    async def _ready(self, say: Progress | None) -> SandboxClient:
        if self._closed:
            raise SandboxError("the sandbox is closed")
        if not self._agreed:
            raise SandboxError(
                "the session's sandbox, on paid hardware, is not begun yet: begin it with `bash` or `write`"
            )
        if self._making is None or self._making.done():
            self._said.clear()
            self._making = self._tasks.start(self._make(), "make")
            self._making.add_done_callback(lambda _: self._tell())
        making, told = self._making, 0
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.start_wait_s):
                while not making.done() or told < len(self._said):
                    news = self._news
                    while say is not None and told < len(self._said):
                        told += 1
                        await say(self._said[told - 1])
                    if say is None:
                        told = len(self._said)
                    if not making.done():
                        await news.wait()
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
            place = await (self._find_or_make() if self._maker.owned else self._maker.make("", _nowhere, self._say))
        except SandboxError as error:
            return error
        self._place = place
        if self._paid_until is None:
            self._paid_until = asyncio.get_running_loop().time()
        return place

    async def _find_or_make(self) -> SandboxClient:
        claim: Claim | None = None
        for held in await self._claims.held():
            if held.kind != self._maker.kind:
                continue
            await self._say("looking for the session's sandbox")
            found = await self._maker.find(held, self._say)
            if found is not None:
                return found
            if not held.detail:
                claim = held  # it may turn up yet: what is made now has its name, and goes with it
                continue
            await self._maker.give_back(held)
            await self._claims.release(held.claim_id)
            await self._say("the session's sandbox is gone, and what was in it; a new one is made")
        if claim is None:
            claim = Claim(secrets.token_hex(CLAIM_ID_BYTES), self._maker.kind)
            await self._claims.put(claim)
        return await self._ask_for(claim)

    async def _ask_for(self, claim: Claim) -> SandboxClient:
        asked = claim

        async def named(detail: str) -> None:
            nonlocal asked
            asked = msgspec.structs.replace(claim, detail=detail)
            await self._claims.put(asked)

        try:
            return await self._maker.make(claim.claim_id, named, self._say)
        except SandboxError:
            with suppress(SandboxError):  # then it is swept
                await self._maker.give_back(asked)
                if asked.detail:
                    await self._claims.release(asked.claim_id)
            raise

    async def _say(self, text: str) -> None:
        self._said.append(text)
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _drop(self) -> None:
        place, self._place = self._place, None
        self._bringing.forget()
        if place is not None:
            await place.aclose()


async def _nowhere(_: str) -> None:
    """Of what is not claimed nobody needs to know where it is."""
