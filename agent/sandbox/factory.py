"""The kinds of sandboxes there are: what each offers, and how it makes one for a session. A new kind is plugged in here."""

import logging
from pathlib import Path
from typing import Literal, Protocol

from agent.hub.errors import LOGIN_NEEDED
from agent.hub.pools import HubThreads
from agent.hub.settings import HubSettings
from agent.sandbox.claims import Claim
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.host import HostSandbox
from agent.sandbox.local.probe import Bubblewrap, probe
from agent.sandbox.local.sandbox import LocalSandbox
from agent.sandbox.remote.hub_job import HubJobProvider
from agent.sandbox.remote.hub_owner import HubOwnerClient, RemoteSandboxThreads
from agent.sandbox.remote.sandbox import RemoteSandbox, SandboxProvider
from agent.sandbox.remote.space import NamedSpaceProvider, SecretFor, SpaceProvider, SpaceStarter
from agent.sandbox.sandbox import SandboxInfo, SandboxProgram, SandboxRequest
from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import ExitStatus, OutputSink, Sandbox, SandboxError
from agent.workspace.workspace import Workspace

log = logging.getLogger("holdfast.sandbox")

RemoteName = Literal["hub", "space"]
NO_SHELL = f"no commands run, there are files alone: {LOGIN_NEEDED}"


class RemoteSandboxFactory:
    """What sandboxes elsewhere need of a server. `secret_for`: the secret of the Space that a claim's id names."""

    def __init__(
        self, settings: SandboxSettings, hub: HubSettings, hub_threads: HubThreads, secret_for: SecretFor
    ) -> None:
        self.settings = settings
        self._hub = hub
        self._threads = RemoteSandboxThreads(settings, hub_threads)
        self._secret_for = secret_for

    def maker(self, kind: str, token: str) -> SandboxProvider:
        """How a kind is made with this owner's token. Raises SandboxError for one that is none."""
        owner = HubOwnerClient(self._hub, self._threads, token)
        match kind:
            case "hub":
                return HubJobProvider(owner, self.settings)
            case "space":
                return SpaceProvider(SpaceStarter(owner, self.settings), self._secret_for)
        raise SandboxError(f"there is no kind of sandbox called {kind}")

    def named_space(self, token: str) -> SandboxProvider:
        """The Space that the settings name."""
        return NamedSpaceProvider(SpaceStarter(HubOwnerClient(self._hub, self._threads, token), self.settings))

    async def give_back(self, claim: Claim, token: str) -> bool:
        """See that what was claimed is no more, whatever the settings say now; whether there was one. Raises SandboxError."""
        return await self.maker(claim.kind, token).give_back(claim)

    async def aclose(self) -> None:
        """End the threads."""
        await self._threads.aclose()


class RemoteBackend:
    """Sandboxes elsewhere, for those whose token is known."""

    def __init__(self, kind: RemoteName, elsewhere: RemoteSandboxFactory) -> None:
        self._kind = kind
        self._elsewhere = elsewhere
        says = self._maker("").says
        self.offer = SandboxInfo(kind=kind, says=says, shell=True, network=True, reason=f"otherwise {NO_SHELL}")

    async def make(self, session: SandboxRequest) -> RemoteSandbox:
        """The session's, by its claims. Raises SandboxError without its owner's token."""
        return self.of(session)

    def of(self, session: SandboxRequest) -> RemoteSandbox:
        """As `make`, at once: nothing is asked for before its first use."""
        if not session.hf_token or session.claims is None:
            raise SandboxError(LOGIN_NEEDED)
        return RemoteSandbox(self._maker(session.hf_token), session.claims, self._elsewhere.settings, session.workspace)

    def _maker(self, token: str) -> SandboxProvider:
        if self._kind == "space" and self._elsewhere.settings.space:
            return self._elsewhere.named_space(token)
        return self._elsewhere.maker(self._kind, token)


OFF = "sandbox.kind is `off` in the server's config"
LOCAL = (
    "a sandbox on the server's machine, {network}. It can write in the workspace, and in a /tmp that is empty for each "
    "command; it sees the system's programs, and nothing else of the machine"
)
HOST = "the server's own machine as the server's own user, without a sandbox: it reaches all that this user reaches"


class SandboxBackend(Protocol):
    """A kind of sandbox, set up once for a server."""

    offer: SandboxInfo

    async def make(self, session: SandboxRequest) -> Sandbox:
        """The session's sandbox. May raise SandboxError; cancelled, it leaves none behind."""


def open_backend(
    settings: SandboxSettings, hidden: tuple[Path, ...], elsewhere: RemoteSandboxFactory
) -> SandboxBackend:
    """The kind that the settings name, looked for on this machine: without what it needs there are files alone.

    `hidden`: folders of the server that no command may see. `elsewhere`: for the kinds that are not here. Blocks for some
    milliseconds.
    """
    match settings.kind:
        case "local":
            found = probe()
            if found.program is None:
                return FilesOnlyBackend(settings, f"{found.why}; {found.advice}")
            if found.not_used:
                log.info("the system's bwrap is not used: %s", found.not_used)
            log.info("sandboxes are made by %s", found.program)
            return LocalBackend(settings, found.program, hidden)
        case "hub" | "space":
            return RemoteBackend(settings.kind, elsewhere)
        case "host":
            return HostBackend(settings)
        case "off":
            return FilesOnlyBackend(settings, OFF)


class LocalBackend:
    """Bubblewrap on this machine."""

    def __init__(self, settings: SandboxSettings, program: Bubblewrap, hidden: tuple[Path, ...]) -> None:
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

    async def make(self, session: SandboxRequest) -> Sandbox:
        return LocalSandbox(session.workspace, self._settings, self.offer.says, self._program, self._hidden)


class HostBackend:
    """The bare machine."""

    offer = SandboxInfo(kind="host", says=HOST, shell=True, network=True)

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings

    async def make(self, session: SandboxRequest) -> Sandbox:
        return HostSandbox(session.workspace, self._settings, self.offer.says)


class FilesOnlyBackend:
    """The workspace on this machine, and no commands."""

    def __init__(self, settings: SandboxSettings, reason: str) -> None:
        self.offer = SandboxInfo(
            kind=settings.kind, says="no commands run; there are files alone", shell=False, reason=reason
        )
        self._settings = settings

    async def make(self, session: SandboxRequest) -> Sandbox:
        return _NoShell(session.workspace, self._settings, self.offer)


class _NoShell(LocalFiles):
    network = False

    def __init__(self, workspace: Workspace, settings: SandboxSettings, offer: SandboxInfo) -> None:
        super().__init__(workspace, settings)
        self.says = offer.says

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        raise SandboxError("this server runs no commands")
