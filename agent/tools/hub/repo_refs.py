"""Repository references: branches, tags, pull requests and discussions of a Hub repository. Blocks; runs in a call's thread."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from agent.hub.client import Token
from agent.hub.formatting import day, fitting, table
from agent.tools.base import ToolResult
from agent.tools.hub import base
from agent.tools.hub.repo_arguments import Repo
from agent.util.text import clean, one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_COMMENT_CHARS = 4_000


def list_refs(api: "HfApi", token: Token, arguments: Repo) -> ToolResult:
    """Branches or tags, with their commits."""
    references = api.list_repo_refs(arguments.repo, repo_type=arguments.repo_type, token=token)
    named = references.branches if arguments.operation == "branches" else references.tags
    rows = [(one_line(one.name), one_line(one.target_commit, 60)) for one in named]
    return _table(arguments.operation, ("name", "commit"), rows)


def change_ref(api: "HfApi", token: Token, arguments: Repo) -> ToolResult:
    """Create or delete a branch or a tag."""
    of: dict[str, Any] = {"repo_id": arguments.repo, "repo_type": arguments.repo_type, "token": token}
    start = arguments.revision or None
    match arguments.operation:
        case "create_branch":
            api.create_branch(branch=arguments.name, revision=start, **of)
        case "delete_branch":
            api.delete_branch(branch=arguments.name, **of)
        case "create_tag":
            api.create_tag(tag=arguments.name, revision=start, tag_message=arguments.message or None, **of)
        case _:
            api.delete_tag(tag=arguments.name, **of)
    verb, _, kind = arguments.operation.partition("_")
    return ToolResult(output=f"{verb}d the {kind} {one_line(arguments.name)}", success=True)


def list_discussions(api: "HfApi", token: Token, arguments: Repo) -> ToolResult:
    """Pull requests and discussions, as the Hub orders them."""
    status: Literal["open", "closed"] | None = None if arguments.status == "all" else arguments.status
    discussions = api.get_repo_discussions(
        arguments.repo, discussion_status=status, repo_type=arguments.repo_type, token=token
    )
    rows = [
        (
            str(one.num),
            "pull request" if one.is_pull_request else "discussion",
            one_line(one.status, 40),
            one_line(one.title),
            one_line(one.author, 100),
            day(one.created_at),
        )
        for one in itertools.islice(discussions, base.LISTED_MAX + 1)
    ]
    return _table("pull requests", ("number", "kind", "status", "title", "author", "made"), rows)


def show_discussion(api: "HfApi", token: Token, arguments: Repo) -> ToolResult:
    """One pull request or discussion: its events in order, and the diff of a pull request."""
    one = api.get_discussion_details(arguments.repo, arguments.number, repo_type=arguments.repo_type, token=token)
    kind = "pull request" if one.is_pull_request else "discussion"
    lines = [
        f"{kind} {one.num}: {one_line(one.title, 300)}",
        f"{one_line(one.status, 40)}, by {one_line(one.author, 100)}",
    ]
    if one.is_pull_request:
        lines.append(f"{one.git_reference} into {one_line(one.target_branch)}")
    if one.conflicting_files:
        named = one.conflicting_files if isinstance(one.conflicting_files, list) else ["some files"]
        lines.append(f"conflicts: {one_line(', '.join(map(str, named)), 500)}")
    for event in one.events:
        lines += _event(event)
    if one.diff:
        lines += ["", "```diff", *clean(one.diff).split("\n"), "```"]
    lines, cut = fitting(lines, base.VIEW_CHARS_MAX)
    return ToolResult(
        output="\n".join([*lines, *(["[cut here: it is longer]"] if cut else [])]), success=True, truncated=cut
    )


def change_discussion(api: "HfApi", token: Token, arguments: Repo) -> ToolResult:
    """Open a pull request; comment on, merge, close or reopen one, or a discussion."""
    of: dict[str, Any] = {"repo_id": arguments.repo, "repo_type": arguments.repo_type, "token": token}
    match arguments.operation:
        case "create_pr":
            made = api.create_pull_request(title=arguments.title, description=arguments.message, **of)
            text = f"opened pull request {made.num}, a draft: upload to its revision {made.git_reference}\n{made.url}"
            return ToolResult(output=clean(text), success=True)
        case "comment":
            api.comment_discussion(discussion_num=arguments.number, comment=arguments.message, **of)
            done = "commented on"
        case "merge":
            api.merge_pull_request(discussion_num=arguments.number, comment=arguments.message or None, **of)
            done = "merged"
        case operation:
            status: Literal["open", "closed"] = "closed" if operation == "close_pr" else "open"
            api.change_discussion_status(
                discussion_num=arguments.number, new_status=status, comment=arguments.message or None, **of
            )
            done = "closed" if operation == "close_pr" else "reopened"
    return ToolResult(output=f"{done} {arguments.number}", success=True)


def _event(event: Any) -> list[str]:
    about = {
        "comment": lambda: clean(event.content)[:_COMMENT_CHARS].split("\n") if not event.hidden else ["(hidden)"],
        "status-change": lambda: [f"made it {one_line(event.new_status, 40)}"],
        "commit": lambda: [f"commit {one_line(event.oid, 60)}: {one_line(event.summary)}"],
        "title-change": lambda: [f"called it {one_line(event.new_title)}"],
    }.get(event.type)
    return [
        "",
        f"{one_line(event.author, 100)}, {day(event.created_at)}:",
        *(about() if about else [one_line(event.type)]),
    ]


def _table(what: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> ToolResult:
    if not rows:
        return ToolResult(output=f"[no {what}]", success=True)
    most = base.LISTED_MAX
    lines, over = fitting(table(columns, rows[:most]).split("\n"), base.VIEW_CHARS_MAX)
    cut = over or len(rows) > most
    if cut:
        lines.append(f"\n[the first {len(lines) - 2} are shown, there are more]")
    return ToolResult(output="\n".join(lines), success=True, truncated=cut)
