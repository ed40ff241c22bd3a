"""The kinds of sandboxes elsewhere, set up once for a server: what they offer, and how a claim of theirs is given back."""

from typing import Literal

from agent.hub.errors import LOG_IN
from agent.hub.pools import HubThreads
from agent.hub.settings import HubSettings
from agent.sandbox.claims import Claim
from agent.sandbox.offers import ForSession, Offer
from agent.sandbox.remote.hub_job import HubMaker
from agent.sandbox.remote.hub_owner import Owner, RemoteThreads
from agent.sandbox.remote.sandbox import Maker, RemoteSandbox
from agent.sandbox.remote.space import NamedSpace, SecretFor, SpaceMaker, Spaces
from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import SandboxError

RemoteName = Literal["hub", "space"]
NO_SHELL = f"no commands run, there are files alone: {LOG_IN}"


class Elsewhere:
    """What sandboxes elsewhere need of a server. `secret_for`: the secret of the Space that a claim's id names."""

    def __init__(
        self, settings: SandboxSettings, hub: HubSettings, hub_threads: HubThreads, secret_for: SecretFor
    ) -> None:
        self.settings = settings
        self._hub = hub
        self._threads = RemoteThreads(settings, hub_threads)
        self._secret_for = secret_for

    def maker(self, kind: str, token: str) -> Maker:
        """How a kind is made with this owner's token. Raises SandboxError for one that is none."""
        owner = Owner(self._hub, self._threads, token)
        match kind:
            case "hub":
                return HubMaker(owner, self.settings)
            case "space":
                return SpaceMaker(Spaces(owner, self.settings), self._secret_for)
        raise SandboxError(f"there is no kind of sandbox called {kind}")

    def named_space(self, token: str) -> Maker:
        """The Space that the settings name."""
        return NamedSpace(Spaces(Owner(self._hub, self._threads, token), self.settings))

    async def give_back(self, claim: Claim, token: str) -> bool:
        """See that what was claimed is no more, whatever the settings say now; whether there was one. Raises SandboxError."""
        return await self.maker(claim.kind, token).give_back(claim)

    async def aclose(self) -> None:
        """End the threads."""
        await self._threads.aclose()


class RemoteKind:
    """Sandboxes elsewhere, for those whose token is known."""

    def __init__(self, kind: RemoteName, elsewhere: Elsewhere) -> None:
        self._kind = kind
        self._elsewhere = elsewhere
        says = self._maker("").says
        self.offer = Offer(kind=kind, says=says, shell=True, network=True, reason=f"otherwise {NO_SHELL}")

    async def make(self, session: ForSession) -> RemoteSandbox:
        """The session's, by its claims. Raises SandboxError without its owner's token."""
        return self.of(session)

    def of(self, session: ForSession) -> RemoteSandbox:
        """As `make`, at once: nothing is asked for before its first use."""
        if not session.hf_token or session.claims is None:
            raise SandboxError(LOG_IN)
        return RemoteSandbox(self._maker(session.hf_token), session.claims, self._elsewhere.settings, session.workspace)

    def _maker(self, token: str) -> Maker:
        if self._kind == "space" and self._elsewhere.settings.space:
            return self._elsewhere.named_space(token)
        return self._elsewhere.maker(self._kind, token)
