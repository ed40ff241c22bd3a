"""Hub job provider: creates, finds and deletes sandboxes of the kind `hub`, Jobs of the session's owner. Their API is experimental.

See https://huggingface.co/docs/huggingface_hub/package_reference/sandbox. A sandbox ends by
itself when it is not used, and after 24 hours. A claim's id is a label of its Job, so that it is found before its id is known.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from agent.hub.client import Token
from agent.hub.pricing import estimate_usd
from agent.hub.request import HubCall
from agent.sandbox.claims import Claim
from agent.sandbox.remote.hub_job_client import HubJobClient
from agent.sandbox.remote.hub_owner import HubOwnerClient, status_of
from agent.sandbox.remote.sandbox import START_TIMEOUT_S, START_WAIT_S, DetailKnown, Progress
from agent.sandbox.settings import RemoteSettings
from agent.workspace.files import SandboxError, SandboxLost

if TYPE_CHECKING:
    from huggingface_hub import HfApi, Sandbox

T = TypeVar("T")

LABEL = "holdfast-claim"
OVER = frozenset({"COMPLETED", "ERROR", "DELETED", "CANCELED"})
MESSAGE_CHARS_MAX = 500


class HubJobProvider:
    """The Job sandboxes of one owner."""

    kind = "hub"
    owned = True

    def __init__(self, owner: HubOwnerClient, settings: RemoteSettings) -> None:
        self._owner = owner
        self._settings = settings
        self.flavor = settings.hub_flavor
        self.usd_per_hour = estimate_usd(settings.hub_flavor, 3_600, owner.usd_per_hour)
        self.says = (
            f"a machine of the Hugging Face Hub ({settings.hub_flavor}, image {settings.hub_image}) with network, for this "
            f"session alone. It ends, and its files with it, {settings.hub_idle_s // 60} minutes after its last use and "
            "24 hours after its first; what is to stay must be uploaded."
        )

    async def make(self, claim_id: str, detail_known: DetailKnown, progress: Progress) -> HubJobClient:
        await progress(f"a sandbox on {self.flavor} is being started")
        name = await self._owner.name()
        settings = self._settings

        def create(call: HubCall) -> "Sandbox":
            from huggingface_hub import Sandbox

            sandbox = Sandbox.create(
                settings.hub_image,
                flavor=settings.hub_flavor,
                idle_timeout=settings.hub_idle_s,
                namespace=name,
                labels={LABEL: claim_id},
                start_timeout=START_TIMEOUT_S,
                token=self._owner.token,
            )
            if call.stopped:
                sandbox.close()  # the caller has left; its claim finds the sandbox
            return sandbox

        sandbox = await self._within("it did not start", create, START_TIMEOUT_S + 60)
        await detail_known(f"{name}/{sandbox.id}")
        client = HubJobClient(self._owner, sandbox, self._settings)
        await client.prepare()
        await progress("the sandbox is ready")
        return client

    async def find(self, claim: Claim, progress: Progress) -> HubJobClient | None:
        name = await self._owner.name()
        jobs = [claim.detail] if claim.detail else [f"{name}/{job}" for job in await self._labelled(name, claim)]
        for job in jobs:

            def connect(_: HubCall, job: str = job) -> "Sandbox | None":
                from huggingface_hub import Sandbox
                from huggingface_hub.errors import HfHubHTTPError
                from huggingface_hub.errors import SandboxError as HubSandboxError

                try:
                    return Sandbox.connect(job, token=self._owner.token)
                except HubSandboxError:
                    return None  # it is over, or not yet there
                except HfHubHTTPError as error:
                    if status_of(error) == 404:
                        return None
                    raise

            sandbox = await self._within("it cannot be found", connect, START_WAIT_S)
            if sandbox is None:
                continue
            client = HubJobClient(self._owner, sandbox, self._settings)
            try:
                await client.prepare()
            except SandboxLost:
                await client.aclose()  # such as when it was made with a token that is no longer the owner's
                continue
            return client
        if jobs and not claim.detail:
            await self.give_back(claim)  # it is only starting: nobody would wait for it
        return None

    async def give_back(self, claim: Claim) -> bool:
        name = await self._owner.name()
        jobs = set(await self._labelled(name, claim))
        namespace, _, job_id = claim.detail.rpartition("/")
        if job_id:
            jobs.add(job_id)

        def cancel(api: "HfApi", token: Token) -> bool:
            from huggingface_hub.errors import HfHubHTTPError

            cancelled = False
            for job in sorted(jobs):
                try:
                    stage = api.inspect_job(job_id=job, namespace=namespace or name, token=token).status.stage
                    if str(getattr(stage, "value", stage)) not in OVER:
                        api.cancel_job(job_id=job, namespace=namespace or name, token=token)
                        cancelled = True
                except HfHubHTTPError as error:
                    if status_of(error) != 404:
                        raise
            return cancelled

        return await self._owner.ask(cancel)

    async def _labelled(self, name: str, claim: Claim) -> list[str]:
        def find(api: "HfApi", token: Token) -> list[str]:
            jobs = api.list_jobs(labels={LABEL: claim.claim_id}, namespace=name, token=token)
            # Where labels are not understood as a filter every job would be listed.
            return [job.id for job in jobs if (job.labels or {}).get(LABEL) == claim.claim_id]

        return await self._owner.ask(find)

    async def _within(self, what: str, work: Callable[[HubCall], T], timeout_s: float) -> T:
        def call_sandbox(call: HubCall) -> T:
            from huggingface_hub.errors import SandboxError as HubSandboxError

            try:
                return work(call)
            except HubSandboxError as error:
                raise SandboxError(f"{what}: {str(error)[:MESSAGE_CHARS_MAX]}") from None

        return await self._owner.wait_for(call_sandbox, timeout_s)
