"""Remote sandboxes under test: the stand-in Hub, a real journal for the claims, and the real huggingface_hub between them."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.hub.pools import HubThreads
from agent.hub.settings import HubSettings
from agent.sandbox.claims import Claim
from agent.sandbox.remote.hub_job import HubJobProvider
from agent.sandbox.remote.hub_owner import HubOwnerClient, RemoteSandboxThreads
from agent.sandbox.remote.sandbox import RemoteSandbox, SandboxProvider
from agent.sandbox.remote.space import NamedSpaceProvider, SpaceProvider, SpaceStarter
from agent.sandbox.settings import SandboxSettings
from agent.util.executors import Executors
from agent.util.places import SERVER
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from server.journal.sqlite import SqliteJournal, open_journal
from server.sessions.sandbox_claims import SessionClaims
from tests.support.constants import built_in
from tests.support.hub.standin_spaces import StandinSpaces, standin_spaces
from tests.support.sandbox.standin_sandboxes import StandinSandboxes
from tests.unit.server.journal.builders import row

TOKEN = "hf_ann_0123456789"


def secret_for(claim_id: str) -> str:
    return f"secret of {claim_id}".ljust(40, ".")


class RemoteSetup:
    """One session's owner, ann, with the Hub and the journal. `kind`: the sandboxes that `sandbox` makes."""

    def __init__(
        self,
        folder: Path,
        kind: str,
        hub: StandinSpaces,
        jobs: StandinSandboxes,
        journal: SqliteJournal,
        **settings: Any,
    ) -> None:
        self.kind = kind
        self.hub = hub
        self.jobs = jobs
        self.journal = journal
        self.claims = SessionClaims(journal, "s", "ann")
        given = {"kind": kind, "poll_s": 0.001, "space_template": "templates/sandbox", "hub_idle_s": 60}
        self.workspace = Workspace(folder / "workspace", WorkspaceLimits())
        self.settings = SandboxSettings(**built_in("sandbox", {**given, **settings}))
        self.hub_settings = HubSettings(endpoint=hub.url)
        executors = Executors()
        self.disk = DiskExecutor(executors.disk, SERVER)
        self.hub_threads = HubThreads(executors.hub, executors.hub_follow)
        self.threads = RemoteSandboxThreads(self.hub_threads, executors.sandbox, executors.sandbox_commands)

    def maker(self, token: str = TOKEN) -> SandboxProvider:
        owner = HubOwnerClient(self.hub_settings, self.threads, token, SERVER)
        if self.kind == "hub":
            return HubJobProvider(owner, self.settings)
        spaces = SpaceStarter(owner, self.settings)
        return NamedSpaceProvider(spaces) if self.settings.space else SpaceProvider(spaces, secret_for)

    def sandbox(self, token: str = TOKEN) -> RemoteSandbox:
        """Agreed to, whatever it costs."""
        made = RemoteSandbox(self.maker(token), self.claims, self.workspace, self.disk)
        made.agree()
        return made

    async def claim(self) -> Claim:
        """The session's only one."""
        (claim,) = await self.claims.held()
        return claim

    def there(self) -> list[str]:
        """What lives at the Hub."""
        running = [job.job_id for job in self.jobs.jobs.values() if job.stage == "RUNNING"]
        return running if self.kind == "hub" else list(self.hub.spaces)

    async def aclose(self) -> None:
        await self.threads.aclose()
        await self.hub_threads.aclose()
        await self.journal.aclose()


@contextlib.asynccontextmanager
async def remote_setup(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[RemoteSetup]:
    """`monkeypatch`: huggingface_hub's Sandbox asks at the library's own address and no other."""
    users: dict[str, str] = {}
    address: list[str] = []
    jobs = StandinSandboxes(folder / "jobs", users, lambda: address[0])
    async with standin_spaces(folder / "spaces", *jobs.routes()) as hub:
        hub.users = users
        users[TOKEN] = "ann"
        address.append(hub.url)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        journal = await open_journal(folder / "data")
        await journal.create(row("s"))
        place = RemoteSetup(folder, kind, hub, jobs, journal, **settings)
        try:
            yield place
        finally:
            await place.aclose()
            await jobs.aclose()


class Output:
    """What a command wrote."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def __call__(self, piece: bytes) -> None:
        self.data += piece

    @property
    def text(self) -> str:
        """What it wrote, without the lines on the making of the sandbox."""
        return "".join(line for line in self.data.decode().splitlines(keepends=True) if not line.startswith("["))
