"""Repository store: repositories in memory as the Hub keeps them: commits with whole trees, branches and tags. No HTTP."""

import base64
import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["model", "dataset", "space"]
WHEN = "2026-01-01T00:00:00.000Z"


class RepoFault(Exception):
    """What the Hub refuses: its status, its words, and the code that huggingface_hub knows it by."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Commit:
    """One commit: all files of the repository by their paths."""

    oid: str
    title: str
    message: str
    author: str
    files: dict[str, bytes]
    parent: "Commit | None" = None


@dataclass
class PullRequest:
    """A proposed change, whose commits are at `refs/pr/{num}`; or, without them, a discussion."""

    num: int
    title: str
    description: str
    author: str
    status: str = "open"
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Repo:
    """One repository. `branches`, `tags` and `pulls` name commits."""

    kind: Kind
    repo_id: str
    private: bool
    sdk: str | None = None
    branches: dict[str, Commit] = field(default_factory=dict)
    tags: dict[str, Commit] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    pull_heads: dict[int, Commit] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The namespace."""
        return self.repo_id.partition("/")[0]

    @property
    def files(self) -> dict[str, bytes]:
        """What is on `main`."""
        return self.branches["main"].files

    def at(self, revision: str) -> Commit:
        """The commit of a branch, a tag, a pull request's ref or an id. Raises `RepoFault`."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        found = self.branches.get(name) or self.tags.get(name)
        if found is None and revision.startswith("refs/pr/"):
            found = self.pull_heads.get(int(revision.rpartition("/")[2]))
        found = found or next((commit for commit in self.commits() if commit.oid == revision), None)
        if found is None:
            raise RepoFault(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    def commits(self) -> list[Commit]:
        """Every commit that something points to."""
        heads = [*self.branches.values(), *self.tags.values(), *self.pull_heads.values()]
        return [commit for head in heads for commit in history(head)]


def history(head: Commit) -> list[Commit]:
    """The commit and those before it, the newest first."""
    found: list[Commit] = []
    at: Commit | None = head
    while at is not None:
        found.append(at)
        at = at.parent
    return found


class RepoStore:
    """All repositories. `commit` may be asked for from any thread of one event loop."""

    def __init__(self) -> None:
        self.repos: dict[tuple[Kind, str], Repo] = {}
        self._numbers = itertools.count(1)

    def create(self, kind: Kind, repo_id: str, *, private: bool, by: str, sdk: str | None = None) -> Repo:
        """Make a repository with one commit. Raises `RepoFault` if it is there."""
        if (kind, repo_id) in self.repos:
            raise RepoFault(409, f"You already created this {kind} repo")
        repo = self.repos[kind, repo_id] = Repo(kind, repo_id, private, sdk)
        repo.branches["main"] = self.new_commit(
            by, "initial commit", "", {".gitattributes": b"*.bin filter=lfs\n"}, None
        )
        return repo

    def put(self, kind: Kind, repo_id: str, files: dict[str, bytes], *, private: bool = False) -> Repo:
        """A repository that is there already, with these files."""
        owner = repo_id.partition("/")[0]
        repo = self.repos.get((kind, repo_id)) or self.create(kind, repo_id, private=private, by=owner)
        before = repo.branches["main"]
        repo.branches["main"] = self.new_commit(owner, "put files", "", {**before.files, **files}, before)
        return repo

    def new_commit(self, by: str, title: str, message: str, files: dict[str, bytes], parent: Commit | None) -> Commit:
        """A commit that nothing points to yet."""
        oid = hashlib.sha1(f"{next(self._numbers)} {by} {title}".encode()).hexdigest()
        return Commit(oid, title, message, by, dict(files), parent)


def blob_id(data: bytes) -> str:
    """The id of a file's content, as git makes it; huggingface_hub leaves out uploads whose id is there already."""
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()


def tree(commit: Commit, below: str, recursive: bool) -> list[dict[str, object]]:
    """The entries of a folder as the Hub lists them. Raises `RepoFault` if there is none."""
    folders: set[str] = set()
    files: list[dict[str, object]] = []
    for path, data in sorted(commit.files.items()):
        if below and not path.startswith(below + "/"):
            continue
        parts = path.removeprefix(below + "/" if below else "").split("/")
        most = len(parts) if recursive else 2
        for depth in range(1, min(len(parts), most)):
            folders.add("/".join([*([below] if below else []), *parts[:depth]]))
        if recursive or len(parts) == 1:
            files.append({"type": "file", "path": path, "size": len(data), "oid": blob_id(data)})
    if below and not folders and not files:
        raise RepoFault(404, f"{below} does not exist on this revision", "EntryNotFound")
    return [
        {"type": "directory", "path": path, "size": 0, "oid": blob_id(path.encode())} for path in sorted(folders)
    ] + files


def changed(files: dict[str, bytes], operations: list[dict[str, Any]]) -> dict[str, bytes]:
    """The files after a commit's operations. Raises `RepoFault`."""
    after = dict(files)
    for operation in operations:
        key, value = operation["key"], operation["value"]
        path = value["path"]
        if key == "file":
            after[path] = base64.b64decode(value["content"])
        elif key == "deletedFile" and path in after:
            del after[path]
        elif key == "deletedFolder" and any(name.startswith(path.rstrip("/") + "/") for name in after):
            after = {name: data for name, data in after.items() if not name.startswith(path.rstrip("/") + "/")}
        else:
            raise RepoFault(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
    return after


def refs(prefix: str, named: dict[str, Commit]) -> list[dict[str, str]]:
    """Names and where they point."""
    return [{"name": name, "ref": prefix + name, "targetCommit": commit.oid} for name, commit in named.items()]
