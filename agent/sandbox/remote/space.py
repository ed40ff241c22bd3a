"""Space provider: creates, finds and deletes sandboxes of the kind `space`, private Spaces of the session's owner.

A Space is duplicated from a template and runs our program. Its name and its secret are derived from the claim's id.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.hub.client import Token
from agent.hub.pricing import estimate_usd
from agent.sandbox import in_space
from agent.sandbox.claims import Claim
from agent.sandbox.in_space import SECRET_VARIABLE
from agent.sandbox.remote import sandbox
from agent.sandbox.remote.hub_owner import HubOwnerClient, status_of
from agent.sandbox.remote.sandbox import DetailKnown, Progress
from agent.sandbox.settings import RemoteSettings
from agent.workspace.files import SandboxError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from agent.sandbox.remote.space_client import SpaceClient

PREFIX = "holdfast-sandbox-"
FREE = "cpu-basic"
PROGRAM = Path(in_space.__file__).parent
FAILED = frozenset({"BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING"})
ASLEEP = frozenset({"SLEEPING", "STOPPED", "PAUSED"})
STAGE_TEXTS = {
    "BUILDING": "the sandbox is being built, which takes some minutes",
    "RUNNING_BUILDING": "the sandbox is being built, which takes some minutes",
    "APP_STARTING": "the sandbox is starting",
    "RUNNING_APP_STARTING": "the sandbox is starting",
    "RUNNING": "the sandbox runs; its program is asked",
    **dict.fromkeys(ASLEEP, "the sandbox is being woken"),
}
SecretFor = Callable[[str], str]
"""The secret of the Space that a claim's id names; always the same."""


POLL_S = 2.0
"""Time between two looks at a Space that starts, which takes a minute or more."""


class SpaceFailed(SandboxError):
    """The Space has failed, and will not start again by itself."""


class SpaceStarter:
    """Starts one owner's Spaces and waits for them."""

    def __init__(self, owner: HubOwnerClient, settings: RemoteSettings) -> None:
        self.owner = owner
        self.settings = settings
        self._secret_sent = False

    async def ready(self, repo: str, secret: str, progress: Progress) -> "SpaceClient":
        """Wait until the Space runs and our program answers in it. Raises SandboxError."""
        reported = ""
        woken = False
        try:
            async with asyncio.timeout(sandbox.START_TIMEOUT_S):
                while True:
                    stage = await self.stage(repo)
                    if stage in FAILED:
                        raise SpaceFailed(f"the sandbox's Space did not start: the Hub says {stage}")
                    if stage != reported:
                        await progress(STAGE_TEXTS.get(stage, f"the sandbox's Space is {stage}"))
                        reported = stage
                    if stage in ASLEEP and not woken:
                        woken = True
                        await self.owner.ask(lambda api, token: api.restart_space(repo, token=token))
                    if stage in ("RUNNING", "RUNNING_BUILDING") and (client := await self._connect(repo, secret)):
                        await progress("the sandbox is ready")
                        return client
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise SandboxError(f"the sandbox's Space was not ready within {sandbox.START_TIMEOUT_S:g} s") from None

    async def stage(self, repo: str) -> str:
        """The stage of its runtime, in capitals."""

        def look(api: "HfApi", token: Token) -> str:
            stage = api.get_space_runtime(repo, token=token).stage
            return str(getattr(stage, "value", stage))

        return await self.owner.ask(look)

    async def _connect(self, repo: str, secret: str) -> "SpaceClient | None":
        def where(api: "HfApi", token: Token) -> str:
            host = api.space_info(repo, token=token).host or ""
            if not host.startswith("https://") and api.endpoint.startswith("https://"):
                raise SandboxError("the Hub does not say where the Space answers")
            return host

        url = await self.owner.ask(where)
        from agent.sandbox.remote.space_client import (  # its HTTP library: not at start
            SpaceClient,
            Unreachable,
            WrongSecret,
        )

        client = SpaceClient(url, self.owner.token, secret)
        try:
            await client.check()
        except WrongSecret:
            await client.aclose()
            await self._send_secret(repo, secret)
            return None
        except Unreachable:
            await client.aclose()
            return None
        except BaseException:
            await client.aclose()
            raise
        return client

    async def _send_secret(self, repo: str, secret: str) -> None:
        """Set the Space's secret, which restarts it: it has another one, as after a loss of the server's key."""
        if self._secret_sent or repo == self.settings.space:
            return
        self._secret_sent = True
        await self.owner.ask(lambda api, token: api.add_space_secret(repo, SECRET_VARIABLE, secret, token=token))


class SpaceProvider:
    """Creates a Space for each session."""

    kind = "space"
    owned = True

    def __init__(self, starter: SpaceStarter, secret_for: SecretFor) -> None:
        self._starter = starter
        self._owner = starter.owner
        self._secret_for = secret_for
        settings = starter.settings
        self.flavor = settings.space_flavor
        paid = settings.space_flavor != FREE
        self.usd_per_hour = estimate_usd(settings.space_flavor, 3_600, self._owner.usd_per_hour) if paid else 0.0
        self.says = (
            f"a machine of the Hugging Face Hub ({self.flavor}) with network, for this session alone. When it is not used "
            "for long it sleeps, and its files are lost then; what is to stay must be uploaded."
        )

    async def make(self, claim_id: str, detail_known: DetailKnown, progress: Progress) -> "SpaceClient":
        await progress("a private Space is being made for the session's sandbox")
        repo, secret = f"{await self._owner.name()}/{PREFIX}{claim_id}", self._secret_for(claim_id)
        settings = self._starter.settings
        paid = self.flavor != FREE

        def duplicate(api: "HfApi", token: Token) -> None:
            from huggingface_hub.errors import HfHubHTTPError

            try:
                api.duplicate_repo(
                    settings.space_template,
                    repo,
                    repo_type="space",
                    private=True,
                    space_hardware=self.flavor,
                    space_sleep_time=settings.space_sleep_s if paid else None,
                    space_secrets=[{"key": SECRET_VARIABLE, "value": secret}],
                    token=token,
                )
            except HfHubHTTPError as error:
                if status_of(error) != 409:  # it was asked for before, and the answer never came
                    raise
                api.add_space_secret(repo, SECRET_VARIABLE, secret, token=token)

        await self._owner.ask(duplicate)
        await self._owner.ask(lambda api, token: _put_program(api, token, repo))
        await detail_known(repo)  # not before: what has no program yet is to be made again, under its name
        return await self._starter.ready(repo, secret, progress)

    async def find(self, claim: Claim, progress: Progress) -> "SpaceClient | None":
        if not claim.detail:
            return None  # it may lack its secret or its program: it is made again under the same name
        if not await self._exists(claim.detail):
            return None
        try:
            return await self._starter.ready(claim.detail, self._secret_for(claim.claim_id), progress)
        except SpaceFailed:
            return None

    async def give_back(self, claim: Claim) -> bool:
        repo = claim.detail or f"{await self._owner.name()}/{PREFIX}{claim.claim_id}"
        if not repo.rpartition("/")[2].startswith(PREFIX):
            raise SandboxError("the claim names a Space that no session made")
        if not await self._exists(repo):
            return False
        await self._owner.ask(lambda api, token: api.delete_repo(repo, repo_type="space", missing_ok=True, token=token))
        return True

    async def _exists(self, repo: str) -> bool:
        def look(api: "HfApi", token: Token) -> bool:
            from huggingface_hub.errors import HfHubHTTPError

            try:
                api.get_space_runtime(repo, token=token)
            except HfHubHTTPError as error:
                if status_of(error) == 404:
                    return False
                raise
            return True

        return await self._owner.ask(look)


class NamedSpaceProvider:
    """The one Space that the settings name, for all sessions; it is never deleted."""

    kind = "space"
    owned = False
    flavor = ""
    usd_per_hour: float | None = 0.0

    def __init__(self, starter: SpaceStarter) -> None:
        self._starter = starter
        self.says = (
            "a machine of the Hugging Face Hub with network, which other sessions use too: keep to a folder of your own"
        )

    async def make(self, claim_id: str, detail_known: DetailKnown, progress: Progress) -> "SpaceClient":
        settings = self._starter.settings
        return await self._starter.ready(settings.space, settings.space_secret, progress)

    async def find(self, claim: Claim, progress: Progress) -> "SpaceClient | None":
        return None

    async def give_back(self, claim: Claim) -> bool:
        return False


def _put_program(api: "HfApi", token: Token, repo: str) -> None:
    """Upload our program, in this server's version; the build that follows has the secret already."""
    from huggingface_hub import CommitOperationAdd

    folder = in_space.PACKAGE.replace(".", "/")
    files = [
        CommitOperationAdd(path_in_repo=f"{folder}/{file.name}", path_or_fileobj=file.read_bytes())
        for file in sorted(PROGRAM.glob("*.py"))
    ]
    api.create_commit(repo, files, commit_message="The program of this sandbox", repo_type="space", token=token)
