"""Repository arguments: the arguments of `hf_repo`, which operation takes which, and the effects of each. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.hub.names import REPO_ID, path_fault, repo_fault, revision_fault
from agent.policy.effects import EffectKind, Effects
from agent.tools.hub.base import argument_error
from agent.util.text import one_line

Operation = Literal[
    "list",
    "read",
    "upload",
    "delete",
    "create",
    "branches",
    "create_branch",
    "delete_branch",
    "tags",
    "create_tag",
    "delete_tag",
    "prs",
    "pr",
    "create_pr",
    "comment",
    "merge",
    "close_pr",
    "reopen_pr",
]
_ALWAYS = ("repo_type",)
_NEEDS: dict[Operation, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "list": ((), ("path", "recursive", "revision")),
    "read": (("path",), ("revision", "offset", "limit")),
    "upload": (("path",), ("file", "text", "revision", "title", "message", "as_pr")),
    "delete": (("paths",), ("revision", "title", "message", "as_pr")),
    "create": ((), ("public", "space_sdk")),
    "branches": ((), ()),
    "create_branch": (("name",), ("revision",)),
    "delete_branch": (("name",), ()),
    "tags": ((), ()),
    "create_tag": (("name",), ("revision", "message")),
    "delete_tag": (("name",), ()),
    "prs": ((), ("status",)),
    "pr": (("number",), ()),
    "create_pr": (("title",), ("message",)),
    "comment": (("number", "message"), ()),
    "merge": (("number",), ("message",)),
    "close_pr": (("number",), ("message",)),
    "reopen_pr": (("number",), ("message",)),
}
_WRITES = frozenset({"create", "create_branch", "create_tag", "create_pr", "comment", "merge", "close_pr", "reopen_pr"})
Path = Annotated[str, Meta(max_length=1_000)]


class Repo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `hf_repo`."""

    operation: Annotated[
        Operation,
        Meta(
            description="Files: `list` a folder, `read` a text file, `upload` one, `delete` some. `create` the repository. "
            "`branches`, `create_branch`, `delete_branch`; `tags`, `create_tag`, `delete_tag`. Pull requests and "
            "discussions: `prs` lists them, `pr` shows one; `create_pr`, `comment`, `merge`, `close_pr`, `reopen_pr`."
        ),
    ]
    repo: Annotated[
        str, Meta(description="Its id, such as `meta-llama/Llama-3.1-8B`.", pattern=REPO_ID, max_length=200)
    ]
    repo_type: Annotated[Literal["model", "dataset", "space"], Meta(description="What kind of repository.")] = "model"
    path: Annotated[
        Path, Meta(description="Path in the repository: a folder for `list`, a file for `read` and `upload`.")
    ] = ""
    recursive: Annotated[bool, Meta(description="Whether `list` shows what is in the folders below too.")] = False
    offset: Annotated[int, Meta(ge=1, le=1_000_000_000, description="First line that `read` shows, from 1.")] = 1
    limit: Annotated[int, Meta(ge=0, le=1_000_000_000, description="Lines to `read` at most; 0: as many as fit.")] = 0
    revision: Annotated[
        str, Meta(max_length=200, description="Branch, tag, commit, or `refs/pr/N` of pull request N; empty: `main`.")
    ] = ""
    file: Annotated[Path, Meta(description="File of the session's workspace to `upload`; or else `text`.")] = ""
    text: Annotated[str, Meta(max_length=10_000_000, description="What to `upload`, as text; or else `file`.")] = ""
    paths: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=1_000)]],
        Meta(max_length=100, description="Files to `delete`; a folder with all that is in it ends in `/`."),
    ] = []
    name: Annotated[str, Meta(max_length=200, description="Of the branch or tag.")] = ""
    number: Annotated[int, Meta(ge=0, le=1_000_000_000, description="Of the pull request or discussion.")] = 0
    status: Annotated[Literal["all", "open", "closed"], Meta(description="Which ones `prs` shows.")] = "all"
    title: Annotated[str, Meta(max_length=300, description="Of the commit or the pull request.")] = ""
    message: Annotated[
        str,
        Meta(max_length=50_000, description="Comment, or description of the commit, tag or pull request; Markdown."),
    ] = ""
    as_pr: Annotated[
        bool, Meta(description="Whether `upload` or `delete` proposes the change in a new pull request, not makes it.")
    ] = False
    public: Annotated[bool, Meta(description="Whether everybody sees what `create` makes.")] = False
    space_sdk: Annotated[
        Literal["", "gradio", "docker", "static"], Meta(description="What a Space runs on; for `create`.")
    ] = ""


def validate(arguments: Repo) -> str | None:
    """The first error that the types do not exclude; None if the arguments are valid."""
    operation = arguments.operation
    needed, allowed = _NEEDS[operation]
    error = repo_fault(arguments.repo, "repo") or argument_error(
        arguments, operation, ("repo", *needed), (*_ALWAYS, *allowed)
    )
    if error is not None:
        return error
    if operation == "upload" and bool(arguments.file) == bool(arguments.text):
        return "Operation `upload` needs `file` or `text`, one of them - at `$.file`"
    if operation == "create" and (arguments.repo_type == "space") != bool(arguments.space_sdk):
        return "A Space needs `space_sdk`, and nothing else takes it - at `$.space_sdk`"
    if arguments.path:
        error = path_fault(arguments.path, "path", folder=operation == "list")
    for path in arguments.paths:
        error = error or path_fault(path, "paths", folder=True)
    for argument in ("revision", "name"):
        value = getattr(arguments, argument)
        error = error or (revision_fault(value, argument) if value else None)
    return error


def effects(arguments: Repo) -> Effects:
    """The effects of the call: none for reading; each change has its kind, and its operation."""
    operation = arguments.operation
    kinds: frozenset[EffectKind] = frozenset()
    if operation == "upload":
        kinds = frozenset({"upload"})
    elif operation.startswith("delete"):
        kinds = frozenset({"delete"})
    elif operation in _WRITES:
        kinds = frozenset({"write_outside"})
    return Effects(_description(arguments) if kinds else "", kinds, operation)


def _description(arguments: Repo) -> str:
    where = f"the {arguments.repo_type} {arguments.repo}"
    at = f" ({one_line(arguments.revision)})" if arguments.revision else ""
    name, title = one_line(arguments.name), one_line(arguments.title, 100)
    number = f"pull request or discussion {arguments.number} of {where}"
    proposed = ", as a pull request" if arguments.as_pr else ""
    match arguments.operation:
        case "upload":
            what = f"the workspace's {one_line(arguments.file)}" if arguments.file else "a text"
            return f"uploads {what} as {one_line(arguments.path)} to {where}{at}{proposed}"
        case "delete":
            return f"deletes {one_line(', '.join(arguments.paths), 500)} from {where}{at}{proposed}"
        case "create":
            return f"makes {where}, which {'everybody' if arguments.public else 'nobody else'} sees"
        case "create_branch" | "create_tag" | "delete_branch" | "delete_tag":
            verb, _, kind = arguments.operation.partition("_")
            return f"{verb}s the {kind} {name} of {where}{at}"
        case "create_pr":
            return f"opens a pull request in {where}: {title}"
        case "comment":
            return f"comments on {number}: {one_line(arguments.message, 300)}"
        case "merge":
            return f"merges pull request {arguments.number} of {where}"
        case _:
            return f"{arguments.operation.partition('_')[0]}s {number}"
