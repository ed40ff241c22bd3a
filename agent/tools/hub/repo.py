"""The tool `hf_repo`: a repository of the Hub, its files, branches, tags and pull requests."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from agent.hub.client import HubClient, Token
from agent.hub.errors import HubError
from agent.policy.effects import Effects
from agent.tools.base import ToolLog, ToolResult
from agent.tools.hub import repo_arguments, repo_files, repo_refs
from agent.tools.hub.base import HubTool
from agent.tools.hub.repo_arguments import Operation, Repo
from agent.workspace.files import SessionFiles
from agent.workspace.paths import shown

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_ANYBODY: frozenset[Operation] = frozenset({"list", "read", "branches", "tags", "prs", "pr"})


UPLOAD_TIMEOUT_S = 300.0
"""How long one upload may take: the largest file by a slow line."""


class RepoTool(HubTool[Repo]):
    """`files`: the session's, from which `upload` takes."""

    name = "hf_repo"
    description = (
        "Work with a repository of the Hugging Face Hub, a model, dataset or Space, with the user's own account: its files, "
        "branches, tags, pull requests and discussions. Everybody's public repositories can be read, and changes to them "
        "proposed with `as_pr`. A new repository is private unless `public` is set."
    )
    arguments = Repo
    side_effects: str | None = "changes on the Hub"

    def __init__(self, hub: HubClient, files: SessionFiles) -> None:
        super().__init__(hub)
        self._files = files

    def validate(self, arguments: Repo) -> str | None:
        most = self._hub.settings.upload_bytes_max
        if len(arguments.text.encode()) > most:
            return f"Expected at most {most} bytes as UTF-8 - at `$.text`"
        return repo_arguments.fault(arguments)

    def effects(self, arguments: Repo) -> Effects:
        return repo_arguments.effects(arguments)

    async def execute(self, arguments: Repo, log: ToolLog) -> ToolResult:
        settings = self._hub.settings
        if arguments.operation not in _ANYBODY:
            self._hub.require_token()
        if arguments.operation == "read":
            file = await self._hub.ask(lambda api, token: repo_files.reading(api, token, arguments, settings))
            return repo_files.shown(arguments, file, settings)
        if arguments.operation == "upload":
            data = await self._data(arguments)
            return await self._hub.ask(
                lambda api, token: repo_files.upload(api, token, arguments, data), UPLOAD_TIMEOUT_S
            )
        act = self._act(arguments)
        return await self._hub.ask(lambda api, token: act(api, token, arguments))

    def _act(self, arguments: Repo) -> "Callable[[HfApi, Token, Repo], ToolResult]":
        settings = self._hub.settings
        match arguments.operation:
            case "list":
                return partial(repo_files.listing, settings=settings)
            case "delete":
                return repo_files.delete
            case "create":
                return repo_files.create
            case "branches" | "tags":
                return partial(repo_refs.refs, settings=settings)
            case "prs":
                return partial(repo_refs.talks, settings=settings)
            case "pr":
                return partial(repo_refs.talk, settings=settings)
            case "create_branch" | "delete_branch" | "create_tag" | "delete_tag":
                return repo_refs.change_ref
            case _:
                return repo_refs.change_talk

    async def _data(self, arguments: Repo) -> bytes:
        """What is to be uploaded, all of it. Raises HubError, and SandboxError if there is no such file."""
        if arguments.text:
            return arguments.text.encode()
        file = await self._files.read(arguments.file)
        most = self._hub.settings.upload_bytes_max
        if file.size > min(most, len(file.data)):
            held = min(most, max(len(file.data), 1))
            raise HubError(
                f"{shown(arguments.file)} has {file.size} bytes, and this tool uploads {held} at most: "
                "split it, or upload it by a program that has the user's token"
            )
        return file.data
