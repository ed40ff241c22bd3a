"""Sandbox backends: what each kind of sandbox offers, and how it creates one for a session. Add a new kind here."""

import logging
from pathlib import Path
from typing import Literal, Protocol

from agent.hub.errors import LOGIN_NEEDED
from agent.hub.settings import HubSettings
from agent.sandbox.claims import Claim
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.host import HostSandbox
from agent.sandbox.local.probe import Bubblewrap, probe
from agent.sandbox.local.process_places import ProcessPlaces
from agent.sandbox.local.sandbox import LocalSandbox
from agent.sandbox.remote.hub_job import HubJobProvider
from agent.sandbox.remote.hub_owner import HubOwnerClient, RemoteSandboxThreads
from agent.sandbox.remote.sandbox import RemoteSandbox, SandboxProvider
from agent.sandbox.remote.space import NamedSpaceProvider, SecretFor, SpaceProvider, SpaceStarter
from agent.sandbox.sandbox import SandboxInfo, SandboxProgram, SandboxRequest
from agent.sandbox.settings import SandboxSettings
from agent.util.executors import WorkExecutor
from agent.util.places import SERVER, Holder
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import ExitStatus, OutputSink, Sandbox, SandboxError
from agent.workspace.workspace import Workspace

log = logging.getLogger("holdfast.sandbox")

RemoteName = Literal["hub", "space"]
NO_SHELL = f"no commands run, there are files alone: {LOGIN_NEEDED}"


class RemoteSandboxFactory:
    """Creates the providers of remote sandboxes. `secret_for`: gives the secret of the Space that a claim's id names."""

    def __init__(
        self, settings: SandboxSettings, hub: HubSettings, threads: RemoteSandboxThreads, secret_for: SecretFor
    ) -> None:
        self.settings = settings
        self._hub = hub
        self._threads = threads
        self._secret_for = secret_for

    def provider(self, kind: str, token: str, holder: Holder) -> SandboxProvider:
        """The provider of a kind for this owner's token. Raises SandboxError for an unknown kind."""
        owner = HubOwnerClient(self._hub, self._threads, token, holder)
        match kind:
            case "hub":
                return HubJobProvider(owner, self.settings)
            case "space":
                return SpaceProvider(SpaceStarter(owner, self.settings), self._secret_for)
        raise SandboxError(f"no kind of sandbox is called {kind!r}")

    def named_space(self, token: str, holder: Holder) -> SandboxProvider:
        """The provider of the one Space that the settings name."""
        return NamedSpaceProvider(SpaceStarter(HubOwnerClient(self._hub, self._threads, token, holder), self.settings))

    async def give_back(self, claim: Claim, token: str) -> bool:
        """Delete what was claimed, whatever the settings are now; whether it existed. Raises SandboxError."""
        return await self.provider(claim.kind, token, SERVER).give_back(claim)

    async def aclose(self) -> None:
        """Close the threads."""
        await self._threads.aclose()


class RemoteBackend:
    """Remote sandboxes, for owners whose token is known."""

    def __init__(self, kind: RemoteName, remote: RemoteSandboxFactory) -> None:
        self._kind = kind
        self._remote = remote
        says = self._provider("", SERVER).says
        self.offer = SandboxInfo(kind=kind, says=says, shell=True, network=True, reason=f"otherwise {NO_SHELL}")

    async def create(self, session: SandboxRequest) -> RemoteSandbox:
        """The session's sandbox. Raises SandboxError without its owner's token."""
        return self.open(session)

    def open(self, session: SandboxRequest) -> RemoteSandbox:
        """As `create`, without waiting: the sandbox is requested at its first use."""
        if not session.hf_token or session.claims is None:
            raise SandboxError(LOGIN_NEEDED)
        provider = self._provider(session.hf_token, session.disk.holder)
        return RemoteSandbox(provider, session.claims, session.workspace, session.disk)

    def _provider(self, token: str, holder: Holder) -> SandboxProvider:
        if self._kind == "space" and self._remote.settings.space:
            return self._remote.named_space(token, holder)
        return self._remote.provider(self._kind, token, holder)


OFF = "sandbox.kind is `off` in the server's config"
LOCAL = (
    "a sandbox on the server's machine, {network}. It can write in the workspace, and in a /tmp that is empty for each "
    "command; it sees the system's programs, and nothing else of the machine"
)
HOST = "the server's own machine as the server's own user, without a sandbox: it reaches all that this user reaches"


class SandboxBackend(Protocol):
    """A kind of sandbox, set up once for a server. `offer`: what its sessions have."""

    offer: SandboxInfo

    async def create(self, session: SandboxRequest) -> Sandbox:
        """Create the session's sandbox. May raise SandboxError; when it is cancelled, none is left behind."""


def open_backend(
    settings: SandboxSettings, hidden: tuple[Path, ...], remote: RemoteSandboxFactory, searches: WorkExecutor
) -> SandboxBackend:
    """Set up the backend that the settings name; files alone where this machine lacks what it needs.

    `hidden`: folders of the server that no command may see. `remote`: for the remote kinds. `searches`: threads. Blocks for some milliseconds.
    """
    match settings.kind:
        case "local":
            result = probe()
            if result.program is None:
                return FilesOnlyBackend(settings, f"{result.why}; {result.advice}", searches)
            if result.not_used:
                log.info("the system's bwrap is not used: %s", result.not_used)
            log.info("sandboxes are made by %s", result.program)
            return LocalBackend(settings, result.program, hidden, searches)
        case "hub" | "space":
            return RemoteBackend(settings.kind, remote)
        case "host":
            return HostBackend(settings, searches)
        case "off":
            return FilesOnlyBackend(settings, OFF, searches)


class LocalBackend:
    """Sandboxes on this machine, made by bubblewrap."""

    def __init__(
        self, settings: SandboxSettings, program: Bubblewrap, hidden: tuple[Path, ...], searches: WorkExecutor
    ) -> None:
        network = "with network" if settings.network else "without network"
        self.offer = SandboxInfo(
            kind="local",
            says=LOCAL.format(network=network),
            shell=True,
            network=settings.network,
            program=SandboxProgram(source=program.source, version=program.version),
        )
        self._settings = settings
        self._program = program
        self._hidden = hidden
        self._places = ProcessPlaces(searches)

    async def create(self, session: SandboxRequest) -> Sandbox:
        return LocalSandbox(
            session.workspace,
            session.disk,
            self._places,
            self._settings,
            self.offer.says,
            self._program,
            self._hidden,
            session.storage,
        )


class HostBackend:
    """Commands on this machine without a sandbox."""

    offer = SandboxInfo(kind="host", says=HOST, shell=True, network=True)

    def __init__(self, settings: SandboxSettings, searches: WorkExecutor) -> None:
        self._settings = settings
        self._places = ProcessPlaces(searches)

    async def create(self, session: SandboxRequest) -> Sandbox:
        return HostSandbox(
            session.workspace, session.disk, self._places, self._settings, self.offer.says, session.storage
        )


class FilesOnlyBackend:
    """Files in the workspace on this machine, no commands. `reason`: why."""

    def __init__(self, settings: SandboxSettings, reason: str, searches: WorkExecutor) -> None:
        self._places = ProcessPlaces(searches)
        self.offer = SandboxInfo(
            kind=settings.kind, says="no commands run; there are files alone", shell=False, reason=reason
        )

    async def create(self, session: SandboxRequest) -> Sandbox:
        return _NoShell(session.workspace, session.disk, self._places, self.offer)


class _NoShell(LocalFiles):
    network = False

    def __init__(self, workspace: Workspace, disk: DiskExecutor, places: ProcessPlaces, offer: SandboxInfo) -> None:
        super().__init__(workspace, disk, places)
        self.says = offer.says

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        raise SandboxError("this server runs no commands")
