"""Repository files: lists, reads, uploads and deletes files of a Hub repository, and creates one. Blocks; runs in a call's thread."""

import io
import itertools
from typing import TYPE_CHECKING

from agent.hub.client import Token
from agent.hub.errors import HubError
from agent.hub.formatting import fitting
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


def list_files(api: "HfApi", token: Token, arguments: Repo) -> ToolResult:
    """A line for each file and folder: folders end in `/`, files have their size in bytes."""
    entries = api.list_repo_tree(
        arguments.repo,
        arguments.path.removesuffix("/") or None,
        recursive=arguments.recursive,
        revision=arguments.revision or None,
        repo_type=arguments.repo_type,
        token=token,
    )
    rows = list(itertools.islice(entries, base.LISTED_MAX + 1))
    lines = [
        f"{one_line(one.path, 1_000)} ({one.size} bytes)" if hasattr(one, "size") else f"{one_line(one.path, 1_000)}/"
        for one in rows[: base.LISTED_MAX]
    ]
    lines, over = fitting(lines, base.VIEW_CHARS_MAX)
    cut = over or len(rows) > base.LISTED_MAX
    if cut:
        lines.append(f"[the first {len(lines)} are shown, there are more: list a folder of them by its path]")
    return ToolResult(output="\n".join(lines) or "[there are no files]", success=True, truncated=cut)


def read_start(api: "HfApi", token: Token, arguments: Repo) -> FileStart:
    """The beginning of a file. It is not put into the library's cache on disk, which all owners would share."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # not declared as exported
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    url = hf_hub_url(
        arguments.repo,
        arguments.path,
        repo_type=arguments.repo_type,
        revision=arguments.revision or None,
        endpoint=api.endpoint,
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


def show(arguments: Repo, file: FileStart) -> ToolResult:
    """Lines of the file, with a note on how to read on. Raises WorkspaceError if it is not text."""
    piece = view(arguments.path, file, arguments.offset, arguments.limit or None, base.VIEW_CHARS_MAX)
    return ToolResult(output=clean(piece.text), success=True, truncated=piece.cut)


def upload(api: "HfApi", token: Token, arguments: Repo, data: bytes) -> ToolResult:
    """Upload one file, in one commit.

    It is given as a buffer: the library would upload bytes with hf_xet, if installed, whose client keeps none of our bounds.
    """
    from huggingface_hub import CommitOperationAdd

    add = CommitOperationAdd(path_in_repo=arguments.path, path_or_fileobj=io.BytesIO(data))
    commit = _commit(api, token, arguments, [add], f"Upload {arguments.path}")
    return ToolResult(output=f"{one_line(arguments.path)} ({len(data)} bytes) is there\n{commit}", success=True)


def delete(api: "HfApi", token: Token, arguments: Repo) -> ToolResult:
    """Delete files and folders in one commit; they stay in the history."""
    from huggingface_hub import CommitOperationDelete

    deletions = [CommitOperationDelete(path_in_repo=path, is_folder=path.endswith("/")) for path in arguments.paths]
    commit = _commit(api, token, arguments, deletions, f"Delete {one_line(', '.join(arguments.paths), 100)}")
    return ToolResult(output=f"deleted {one_line(', '.join(arguments.paths), 1_000)}\n{commit}", success=True)


def create(api: "HfApi", token: Token, arguments: Repo) -> ToolResult:
    """Create the repository."""
    url = api.create_repo(
        arguments.repo,
        repo_type=arguments.repo_type,
        private=not arguments.public,
        space_sdk=arguments.space_sdk or None,
        token=token,
    )
    return ToolResult(output=f"made {one_line(url)}", success=True)


def _commit(
    api: "HfApi",
    token: Token,
    arguments: Repo,
    operations: "list[CommitOperationAdd] | list[CommitOperationDelete]",
    title: str,
) -> str:
    try:
        commit = api.create_commit(
            arguments.repo,
            operations,
            commit_message=arguments.title or title,
            commit_description=arguments.message,
            repo_type=arguments.repo_type,
            revision=arguments.revision or None,
            create_pr=arguments.as_pr,
            token=token,
        )
    except ValueError as error:  # the library looks at a README's metadata before it sends it
        raise HubError(f"the files cannot be committed: {one_line(error, 1_000)}") from None
    proposed = f"\nproposed in {one_line(commit.pr_url)}" if commit.pr_url else ""
    return f"{one_line(commit.commit_url, 500)}{proposed}"
