"""Files in a repository of the Hub: list, read, upload, delete; and the repository itself. Blocking, in a thread of a call."""

import io
import itertools
from typing import TYPE_CHECKING

from agent.hub.client import Token
from agent.hub.errors import HubError
from agent.hub.formatting import fitting
from agent.hub.settings import HubSettings
from agent.tools.base import ToolResult
from agent.tools.hub import base
from agent.tools.hub.repo_arguments import Repo
from agent.util.text import clean, one_line
from agent.workspace.files import FileStart
from agent.workspace.text_view import view

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi


READ_BYTES_MAX = 2_097_152
"""How much of a file `hf_repo` reads, from its beginning. A model reads text, and longer text in parts."""


def listing(api: "HfApi", token: Token, asked: Repo, settings: HubSettings) -> ToolResult:
    """A line for each file and folder, folders with a `/`, files with their size."""
    entries = api.list_repo_tree(
        asked.repo,
        asked.path.removesuffix("/") or None,
        recursive=asked.recursive,
        revision=asked.revision or None,
        repo_type=asked.repo_type,
        token=token,
    )
    found = list(itertools.islice(entries, base.LISTED_MAX + 1))
    lines = [
        f"{one_line(one.path, 1_000)} ({one.size} bytes)" if hasattr(one, "size") else f"{one_line(one.path, 1_000)}/"
        for one in found[: base.LISTED_MAX]
    ]
    lines, over = fitting(lines, base.VIEW_CHARS_MAX)
    cut = over or len(found) > base.LISTED_MAX
    if cut:
        lines.append(f"[the first {len(lines)} are shown, there are more: list a folder of them by its path]")
    return ToolResult(output="\n".join(lines) or "[there are no files]", success=True, truncated=cut)


def reading(api: "HfApi", token: Token, asked: Repo, settings: HubSettings) -> FileStart:
    """The beginning of a file, without a copy in the library's cache on disk, which all owners would share."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # it exports them without saying so
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    url = hf_hub_url(
        asked.repo, asked.path, repo_type=asked.repo_type, revision=asked.revision or None, endpoint=api.endpoint
    )
    data = bytearray()
    with get_session().stream("GET", url, headers=build_hf_headers(token=token)) as answer:
        hf_raise_for_status(answer)
        size = answer.headers.get("content-length", "")
        for piece in answer.iter_bytes():
            data += piece
            if len(data) >= READ_BYTES_MAX:
                break
    start = bytes(data[:READ_BYTES_MAX])
    return FileStart(start, max(len(data), int(size) if size.isdigit() else 0))


def shown(asked: Repo, file: FileStart, settings: HubSettings) -> ToolResult:
    """Lines of the file, with a note on what comes after. Raises WorkspaceError for what is no text."""
    seen = view(asked.path, file, asked.offset, asked.limit or None, base.VIEW_CHARS_MAX)
    return ToolResult(output=clean(seen.text), success=True, truncated=seen.cut)


def upload(api: "HfApi", token: Token, asked: Repo, data: bytes) -> ToolResult:
    """Put one file there, in one commit.

    As a buffer, since bytes would go by hf_xet where that is installed: a client of its own, in no bounds of ours.
    """
    from huggingface_hub import CommitOperationAdd

    add = CommitOperationAdd(path_in_repo=asked.path, path_or_fileobj=io.BytesIO(data))
    made = _commit(api, token, asked, [add], f"Upload {asked.path}")
    return ToolResult(output=f"{one_line(asked.path)} ({len(data)} bytes) is there\n{made}", success=True)


def delete(api: "HfApi", token: Token, asked: Repo) -> ToolResult:
    """Take files and folders away, in one commit; they stay in the history."""
    from huggingface_hub import CommitOperationDelete

    gone = [CommitOperationDelete(path_in_repo=path, is_folder=path.endswith("/")) for path in asked.paths]
    made = _commit(api, token, asked, gone, f"Delete {one_line(', '.join(asked.paths), 100)}")
    return ToolResult(output=f"deleted {one_line(', '.join(asked.paths), 1_000)}\n{made}", success=True)


def create(api: "HfApi", token: Token, asked: Repo) -> ToolResult:
    """Make the repository."""
    made = api.create_repo(
        asked.repo,
        repo_type=asked.repo_type,
        private=not asked.public,
        space_sdk=asked.space_sdk or None,
        token=token,
    )
    return ToolResult(output=f"made {one_line(made)}", success=True)


def _commit(
    api: "HfApi",
    token: Token,
    asked: Repo,
    operations: "list[CommitOperationAdd] | list[CommitOperationDelete]",
    title: str,
) -> str:
    try:
        made = api.create_commit(
            asked.repo,
            operations,
            commit_message=asked.title or title,
            commit_description=asked.message,
            repo_type=asked.repo_type,
            revision=asked.revision or None,
            create_pr=asked.as_pr,
            token=token,
        )
    except ValueError as error:  # the library looks at a README's metadata before it sends it
        raise HubError(f"the files cannot be committed: {one_line(error, 1_000)}") from None
    proposed = f"\nproposed in {one_line(made.pr_url)}" if made.pr_url else ""
    return f"{one_line(made.commit_url, 500)}{proposed}"
