"""Hub names: checks names of repositories, revisions and paths that a tool call gives. Pure."""

import re

REPO_ID = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95})?$"
"""`owner/name`, or a name alone for the oldest repositories, as huggingface_hub checks it (`validate_repo_id`)."""

_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
_BAD = re.compile(r"--|\.\.|\.git$|[-.]$")


def repo_fault(repo_id: str, argument: str) -> str | None:
    """What is wrong with a repository's name beyond `REPO_ID`: `--`, `..`, `.git`, `-` or `.` at an end; else None."""
    if not repo_id.isprintable() or any(_BAD.search(part) for part in repo_id.split("/")):
        return f"{repo_id!r} is no name of a repository; write `owner/name` - at `$.{argument}`"
    return None


def path_fault(path: str, argument: str, *, folder: bool = False) -> str | None:
    """What is wrong with a path in a repository; None if nothing is. A folder may be empty: all of it."""
    if folder and not path:
        return None
    names = path.removesuffix("/").split("/") if folder else path.split("/")
    if path.startswith("/") or any(name in ("", ".", "..", ".git") for name in names) or not path.isprintable():
        return f"{path!r} is no path in a repository; write it relative, such as `data/train.csv` - at `$.{argument}`"
    return None


def revision_fault(name: str, argument: str) -> str | None:
    """What is wrong with the name of a branch, a tag or a commit, as git has it (git-check-ref-format); None if nothing is."""
    if _REVISION.fullmatch(name) is None or ".." in name or "//" in name or name.endswith(("/", ".", ".lock")):
        return f"{name!r} is no name of a branch, tag or commit - at `$.{argument}`"
    return None
