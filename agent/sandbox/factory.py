"""The kinds of sandboxes there are: what each offers, and how it makes one for a session. A new kind is plugged in here."""

from pathlib import Path
from typing import Protocol

from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.host import HostSandbox
from agent.sandbox.local.probe import probe
from agent.sandbox.local.sandbox import LocalSandbox
from agent.sandbox.offers import ForSession, Offer
from agent.sandbox.remote_kinds import Elsewhere, RemoteKind
from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import Exit, Output, Sandbox, SandboxError
from agent.workspace.workspace import Workspace

OFF = "sandbox.kind is `off` in the server's config"
LOCAL = (
    "a sandbox on the server's machine, {network}. It can write in the workspace, and in a /tmp that is empty for each "
    "command; it sees the system's programs, and nothing else of the machine"
)
HOST = "the server's own machine as the server's own user, without a sandbox: it reaches all that this user reaches"


class SandboxKind(Protocol):
    """A kind of sandbox, set up once for a server."""

    offer: Offer

    async def make(self, session: ForSession) -> Sandbox:
        """The session's sandbox. May raise SandboxError; cancelled, it leaves none behind."""


def sandbox_kind(settings: SandboxSettings, hidden: tuple[Path, ...], elsewhere: Elsewhere) -> SandboxKind:
    """The kind that the settings name, looked for on this machine: without what it needs there are files alone.

    `hidden`: folders of the server that no command may see. `elsewhere`: for the kinds that are not here. Blocks for some
    milliseconds.
    """
    match settings.kind:
        case "local":
            found = probe()
            if found.why:
                return FilesOnly(settings, f"{found.why}; {found.advice}")
            return LocalKind(settings, found.program, hidden)
        case "hub" | "space":
            return RemoteKind(settings.kind, elsewhere)
        case "host":
            return HostKind(settings)
        case "off":
            return FilesOnly(settings, OFF)


class LocalKind:
    """Bubblewrap on this machine."""

    def __init__(self, settings: SandboxSettings, program: str, hidden: tuple[Path, ...]) -> None:
        network = "with network" if settings.network else "without network"
        self.offer = Offer(kind="local", says=LOCAL.format(network=network), shell=True, network=settings.network)
        self._settings = settings
        self._program = program
        self._hidden = hidden

    async def make(self, session: ForSession) -> Sandbox:
        return LocalSandbox(session.workspace, self._settings, self.offer.says, self._program, self._hidden)


class HostKind:
    """The bare machine."""

    offer = Offer(kind="host", says=HOST, shell=True, network=True)

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings

    async def make(self, session: ForSession) -> Sandbox:
        return HostSandbox(session.workspace, self._settings, self.offer.says)


class FilesOnly:
    """The workspace on this machine, and no commands."""

    def __init__(self, settings: SandboxSettings, reason: str) -> None:
        self.offer = Offer(
            kind=settings.kind, says="no commands run; there are files alone", shell=False, reason=reason
        )
        self._settings = settings

    async def make(self, session: ForSession) -> Sandbox:
        return _NoShell(session.workspace, self._settings, self.offer)


class _NoShell(LocalFiles):
    network = False

    def __init__(self, workspace: Workspace, settings: SandboxSettings, offer: Offer) -> None:
        super().__init__(workspace, settings)
        self.says = offer.says

    async def exec(self, command: str, output: Output, timeout_s: float) -> Exit:
        raise SandboxError("this server runs no commands")
