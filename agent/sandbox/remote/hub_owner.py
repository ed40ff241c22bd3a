"""Hub owner client: calls the Hub for one owner's remote sandboxes, in threads of their own; failures are SandboxErrors."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from agent.hub.client import ASK_TIMEOUT_S, RESPONSE_BYTES_MAX, HubClient, Token
from agent.hub.errors import HubError
from agent.hub.http import call_api
from agent.hub.pools import HubThreadPool, HubThreads
from agent.hub.request import HubCall
from agent.hub.settings import HubSettings
from agent.util.executors import WorkExecutor
from agent.util.places import Holder
from agent.workspace.files import SandboxError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")


class RemoteSandboxThreads:
    """The threads of a server for remote sandboxes: `ask` for short calls, `follow` for whole commands."""

    def __init__(self, hub_threads: HubThreads, ask: WorkExecutor, follow: WorkExecutor) -> None:
        self.hub = hub_threads
        self.ask = HubThreadPool(ask)
        self.follow = HubThreadPool(follow)

    async def aclose(self) -> None:
        """Stop their calls; those of the Hub's tools are stopped by their owner."""
        await self.ask.aclose()
        await self.follow.aclose()


class HubOwnerClient:
    """The Hub for one owner of remote sandboxes. `holder`: whose places among the threads its calls take."""

    def __init__(self, settings: HubSettings, threads: RemoteSandboxThreads, token: str, holder: Holder) -> None:
        self.token = token
        self.threads = threads
        self.holder = holder
        self._settings = settings
        self._hub = HubClient(settings, threads.hub, token, holder)

    @property
    def usd_per_hour(self) -> dict[str, float]:
        """The settings' prices, which replace the listed ones: US dollars an hour by flavor."""
        return self._settings.usd_per_hour

    async def name(self) -> str:
        """The account's name. Raises SandboxError."""
        try:
            return await self._hub.owner()
        except HubError as error:
            raise SandboxError(str(error)) from None

    async def ask(self, work: "Callable[[HfApi, Token], T]", timeout_s: float | None = None) -> T:
        """See `HubClient.ask`. Raises SandboxError."""
        try:
            return await self._hub.ask(work, timeout_s)
        except HubError as error:
            raise SandboxError(str(error)) from None

    async def wait_for(self, work: Callable[[HubCall], T], timeout_s: float) -> T:
        """Run `work` in a thread for sandboxes; its result. It may check whether its call was stopped. Raises SandboxError."""
        call = self.call(timeout_s)
        try:
            return await self.threads.ask.run(call, lambda: self.within(call, work), timeout_s, self.holder)
        except HubError as error:
            raise SandboxError(str(error)) from None

    def call(self, timeout_s: float) -> HubCall:
        """A new call; its time begins now."""
        return HubCall(timeout_s, ASK_TIMEOUT_S, RESPONSE_BYTES_MAX, self.token)

    def within(self, call: HubCall, work: Callable[[HubCall], T]) -> T:
        """Run `work` as this call, in this thread. Raises HubError."""
        return call_api(call, self._settings.endpoint, lambda _: work(call))


def status_of(error: Exception) -> int | None:
    """The HTTP status of an HfHubHTTPError; None for other errors."""
    return getattr(getattr(error, "response", None), "status_code", None)
