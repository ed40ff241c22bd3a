"""Text view: cuts a range of lines out of a file, as much as fits, and says how to go on. Pure."""

import codecs

import msgspec

from agent.workspace.files import FileStart
from agent.workspace.paths import WorkspaceError, shown

_BINARY_PROBE_BYTES = 8192


class TextView(msgspec.Struct, frozen=True):
    """Lines of a file, with a note in brackets after them if there are more. `cut`: whether there are more."""

    text: str
    cut: bool


def is_binary(data: bytes) -> bool:
    """Whether a file with these first bytes is binary: it has a zero byte among them."""
    return b"\0" in data[:_BINARY_PROBE_BYTES]


def view(path: str, file: FileStart, first: int, most: int | None, chars_max: int) -> TextView:
    """Lines `first`.. (from 1; they end at line feeds), at most `most` of them and about `chars_max` code points.

    What is not UTF-8 becomes U+FFFD. Raises WorkspaceError for a binary file and for a `first` past the end.
    """
    if is_binary(file.data):
        raise WorkspaceError(f"{shown(path)} is a binary file of {file.size} bytes; only text can be shown")
    partial = file.size > len(file.data)
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(file.data, final=not partial)
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return TextView("[the file is empty]", False)
    if first > len(lines):
        where = f"the first {len(file.data)} bytes of {shown(path)} have" if partial else f"{shown(path)} has"
        raise WorkspaceError(f"{where} {len(lines)} lines; there is no line {first}")
    selected = lines[first - 1 : None if most is None else first - 1 + most]
    fitting, notes = _fitting(selected, first, chars_max)
    last = first - 1 + len(fitting)
    if last < len(lines):
        notes.append(f"lines {first}-{last} of {len(lines)}; go on with offset={last + 1}")
    if partial:
        notes.append(f"only the first {len(file.data)} of {file.size} bytes can be shown")
    shown_text = "\n".join(fitting)
    if not notes:
        return TextView(shown_text + ("\n" if text.endswith("\n") else ""), False)
    return TextView(f"{shown_text}\n[{'; '.join(notes)}]", True)


def _fitting(lines: list[str], first: int, chars_max: int) -> tuple[list[str], list[str]]:
    """The lines that fit, at least one: if even that is too long its beginning, with a note."""
    if len(lines[0]) > chars_max:
        return [lines[0][:chars_max]], [f"line {first} is cut: {chars_max} of its {len(lines[0])} characters"]
    used = 0
    for count, line in enumerate(lines):
        used += len(line) + 1
        if used > chars_max + 1:
            return lines[:count], []
    return lines, []
