"""Repository tool: `hf_repo` works with one repository of the Hub: its files, branches, tags and pull requests."""

from collections.abc import Callable
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

_WITHOUT_TOKEN: frozenset[Operation] = frozenset({"list", "read", "branches", "tags", "prs", "pr"})


UPLOAD_BYTES_MAX = 8_388_608
"""Largest file that is uploaded: no tool reads more of a file of the workspace."""

UPLOAD_TIMEOUT_S = 300.0
"""How long one upload may take: the largest file by a slow line."""


class RepoTool(HubTool[Repo]):
    """`hf_repo`. `files`: the session's, from which `upload` reads."""

    __slots__ = ("_files",)

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
        most = UPLOAD_BYTES_MAX
        if len(arguments.text.encode()) > most:
            return f"Expected at most {most} bytes as UTF-8 - at `$.text`"
        return repo_arguments.validate(arguments)

    def effects(self, arguments: Repo) -> Effects:
        return repo_arguments.effects(arguments)

    async def execute(self, arguments: Repo, log: ToolLog) -> ToolResult:
        if arguments.operation not in _WITHOUT_TOKEN:
            self._hub.require_token()
        if arguments.operation == "read":
            file = await self._hub.ask(lambda api, token: repo_files.read_start(api, token, arguments))
            return repo_files.show(arguments, file)
        if arguments.operation == "upload":
            data = await self._data(arguments)
            return await self._hub.ask(
                lambda api, token: repo_files.upload(api, token, arguments, data), UPLOAD_TIMEOUT_S
            )
        handler = self._handler(arguments)
        return await self._hub.ask(lambda api, token: handler(api, token, arguments))

    def _handler(self, arguments: Repo) -> "Callable[[HfApi, Token, Repo], ToolResult]":
        match arguments.operation:
            case "list":
                return repo_files.list_files
            case "delete":
                return repo_files.delete
            case "create":
                return repo_files.create
            case "branches" | "tags":
                return repo_refs.list_refs
            case "prs":
                return repo_refs.list_discussions
            case "pr":
                return repo_refs.show_discussion
            case "create_branch" | "delete_branch" | "create_tag" | "delete_tag":
                return repo_refs.change_ref
            case _:
                return repo_refs.change_discussion

    async def _data(self, arguments: Repo) -> bytes:
        """The bytes to upload. Raises HubError if the file is too large, and SandboxError if there is no such file."""
        if arguments.text:
            return arguments.text.encode()
        file = await self._files.read(arguments.file)
        if file.size > min(UPLOAD_BYTES_MAX, len(file.data)):
            size_max = min(UPLOAD_BYTES_MAX, max(len(file.data), 1))
            raise HubError(
                f"{shown(arguments.file)} has {file.size} bytes, and this tool uploads {size_max} at most: "
                "split it, or upload it by a program that has the user's token"
            )
        return file.data
