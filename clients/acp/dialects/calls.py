"""Calls: a tool call's title, kind, places and bounded arguments, as editors show them. Pure."""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from clients.acp.rpc import Message
from protocol.content import FileChange

KINDS = {
    "bash": "execute",
    "read": "read",
    "list": "read",
    "grep": "search",
    "write": "edit",
    "edit": "edit",
    "web_fetch": "fetch",
    "hf_search": "search",
    "plan": "think",
    "research": "think",
}
"""`ToolKind` of the protocol for each tool that is built in; others are `other`."""

VERBS = {"read": "Read", "list": "List", "write": "Write", "edit": "Edit"}

TITLE_CHARS = 300
ARGUMENT_CHARS = 20_000
"""Characters of one text among a call's arguments; the rest is cut, and the text says so."""
OUTPUT_CHARS = 50_000
"""Characters of a call's output; it is on the page whole."""
LOG_CHARS = 8_000
"""Characters of a running call's output, the newest: in version 1 each piece sends all of them again."""
PLACES_MAX = 50
"""Places of one search that are told."""
FOUND = re.compile(r"^(?P<path>[^:\n\0]{1,1024}):(?P<line>[1-9][0-9]{0,8}):", re.MULTILINE)
DEPTH_MAX = 32
"""Levels of nested arguments; what is deeper is left out."""


def kind_of(tool: str) -> str:
    """The `ToolKind` of a tool."""
    return KINDS.get(tool, "other")


def title_of(tool: str, arguments: Message) -> str:
    """One line that says what the call does: a command is shown itself."""
    match tool:
        case "bash":
            title = str(arguments.get("command", "")) or "bash"
        case "read" | "list" | "write" | "edit":
            title = f"{VERBS[tool]} {arguments.get('path') or '.'}"
        case "grep":
            title = f"Search for {arguments.get('pattern', '')}"
        case "web_fetch":
            title = f"Fetch {arguments.get('url', '')}"
        case "plan":
            title = "Update the plan"
        case _:
            title = tool
    line = " ".join(title.split())
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1]}…"


def locations_of(tool: str, arguments: Message, cwd: str | None) -> list[Message]:
    """The file or folder that the call works on, if the session works in a folder of this machine. Paths are absolute, lines from 1."""
    path = arguments.get("path", "." if tool in ("list", "grep") else None)
    if cwd is None or not isinstance(path, str) or not path or "\0" in path:
        return []
    line = arguments.get("offset") if tool == "read" else None
    at = {"line": line} if isinstance(line, int) and line >= 1 else {}
    return [{"path": str(PurePosixPath(cwd) / path), **at}]


def found_in(output: str, cwd: str | None) -> list[Message]:
    """The places in the output of `grep`, the first ones: its lines are `path:line: text`."""
    if cwd is None:
        return []
    found = islice(FOUND.finditer(output), PLACES_MAX)
    return [{"path": str(PurePosixPath(cwd) / one["path"]), "line": int(one["line"])} for one in found]


def bounded(value: Any, depth: int = 0) -> Any:
    """The same arguments with long texts cut."""
    if isinstance(value, str):
        return cut(value, ARGUMENT_CHARS)
    if depth >= DEPTH_MAX:
        return None
    if isinstance(value, dict):
        return {str(key): bounded(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [bounded(inner, depth + 1) for inner in value]
    return value


def cut(text: str, most: int) -> str:
    """The text's beginning, with a note if that is not all."""
    return text if len(text) <= most else f"{text[:most]}\n[cut: {len(text) - most} more characters]"


def newest(text: str, most: int) -> str:
    """The text's end, with a note if that is not all."""
    return text if len(text) <= most else f"[cut: {len(text) - most} characters before]\n{text[-most:]}"


def question_of(tool: str, arguments: Message, reason: str) -> str:
    """What a person reads before the call may run: the reason, and the command itself."""
    command = arguments.get("command") if tool == "bash" else None
    shown = f"\n\n```sh\n{cut(str(command), ARGUMENT_CHARS)}\n```" if command else ""
    return f"{reason[:1].upper()}{reason[1:]}.{shown}" if reason else shown.strip() or f"May {tool} run?"


def sides_of(patch: str) -> tuple[str, str]:
    """The text before and after, as far as a unified diff has it."""
    old: list[str] = []
    new: list[str] = []
    sides: list[list[str]] = []
    hunk = False
    for line in patch.removesuffix("\n").split("\n"):
        if line.startswith("@@"):
            hunk = True
        elif hunk and line.startswith("\\"):  # no newline at the end of the file, in the line before
            for side in sides:
                side[-1] = side[-1].removesuffix("\n")
        elif hunk:
            sides = [side for side, others in ((old, "+"), (new, "-")) if not line.startswith(others)]
            for side in sides:
                side.append(f"{line[1:]}\n")
    return "".join(old), "".join(new)


def places_of(changes: Sequence[FileChange]) -> list[Message]:
    """Where files were changed: those with an absolute path, and the line."""
    return [{"path": one.path, "line": one.line} for one in changes if one.path.startswith("/")]
