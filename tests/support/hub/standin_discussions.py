"""Stand-in for the Hub's pull requests and discussions: list, show, open, comment, merge, close."""

import difflib
from typing import Any

from starlette.requests import Request

from tests.support.hub.repo_store import WHEN, PullRequest, Repo, RepoFault


def to_json(repo: Repo, pull: PullRequest) -> dict[str, Any]:
    """One of them as the Hub lists it."""
    return {
        "num": pull.num,
        "title": pull.title,
        "author": {"name": pull.author},
        "status": pull.status,
        "isPullRequest": pull.num in repo.pull_heads,
        "createdAt": WHEN,
        "repo": {"name": repo.repo_id, "type": repo.kind},
    }


def listed(request: Request, repo: Repo) -> dict[str, Any]:
    """All of them, or those that are open or closed."""
    wanted = request.query_params.get("status")
    open_ones = {"open", "draft"}
    found = [
        to_json(repo, pull)
        for pull in repo.pulls.values()
        if wanted in (None, "open" if pull.status in open_ones else "closed")
    ]
    return {"discussions": found, "count": len(found), "start": 0}


def details(repo: Repo, pull: PullRequest) -> dict[str, Any]:
    """One of them with its events, and the difference that it makes."""
    head = repo.pull_heads.get(pull.num)
    before = {} if head is None or head.parent is None else head.parent.files
    lines: list[str] = []
    for path, data in sorted((head.files if head else {}).items()):
        old, new = before.get(path, b"").decode("latin-1"), data.decode("latin-1")
        lines += difflib.unified_diff(old.splitlines(), new.splitlines(), path, path, lineterm="")
    return {
        **to_json(repo, pull),
        "events": pull.events,
        "filesWithConflicts": [],
        "changes": {"base": "refs/heads/main"},
        "diff": "\n".join(lines),
    }


def add_event(pull: PullRequest, author: str, kind: str, **data: Any) -> dict[str, Any]:
    """Somebody did something to it: the event, as the Hub tells it."""
    event = {
        "id": f"{pull.num}-{len(pull.events)}",
        "type": kind,
        "createdAt": WHEN,
        "author": {"name": author},
        "data": data,
    }
    pull.events.append(event)
    return event


def comment(pull: PullRequest, author: str, text: str) -> dict[str, Any]:
    """Somebody says something."""
    return add_event(pull, author, "comment", edited=False, hidden=False, latest={"raw": text})


def create(repo: Repo, author: str, body: dict[str, Any]) -> dict[str, Any]:
    """Open one."""
    num = len(repo.pulls) + 1
    pull = repo.pulls[num] = PullRequest(num, body["title"], body.get("description") or "", author)
    if body.get("pullRequest"):
        pull.status = "draft"
        repo.pull_heads[num] = repo.branches["main"]
    if pull.description:
        comment(pull, author, pull.description)
    return {"num": num}


def change(repo: Repo, pull: PullRequest, author: str, verb: str, body: dict[str, Any]) -> dict[str, Any]:
    """Comment, merge, close or reopen. Raises `RepoFault`."""
    if verb == "comment":
        return {"newMessage": comment(pull, author, body["comment"])}
    if author != repo.owner and author != pull.author:
        raise RepoFault(403, "You don't have the required permissions to perform this action")
    if verb == "status":
        pull.status = body["status"]
        return {"newStatus": add_event(pull, author, "status-change", status=pull.status)}
    if verb != "merge" or author != repo.owner:
        raise RepoFault(403, "You don't have the required permissions to perform this action")
    if pull.num not in repo.pull_heads or pull.status == "merged":
        raise RepoFault(400, "There is nothing to merge")
    pull.status = "merged"
    repo.branches["main"] = repo.pull_heads[pull.num]
    add_event(pull, author, "status-change", status="merged")
    return {}
