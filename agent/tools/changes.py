"""Changes: the difference that a call made to a file, as a unified diff of bounded size, made in bounded time. Pure."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from protocol.content import FileChange

PATCH_CHARS_MAX: Final = 65_536
"""The longest patch: some thousand lines, more than a person reads. The rest is cut off at the end of a line."""
CONTEXT: Final = 3
COMPARED_MAX: Final = 10_000
"""Lines before times lines after that are compared with each other: that takes at most some 50 ms. More are one piece."""
NO_NEWLINE: Final = "\\ No newline at end of file\n"


def file_change(path: str, before: str | None, after: str) -> FileChange:
    """What became of a file's text. `before`: None if the file is new."""
    old, new = _split(before or ""), _split(after)
    same = _common(old, new)
    parts = [f"--- {'/dev/null' if before is None else path}\n+++ {path}\n"]
    size, cut = len(parts[0]), False
    for line in _lines(old, new, same):
        size += len(line)
        if size > PATCH_CHARS_MAX:
            cut = True
            break
        parts.append(line)
    return FileChange(path, "add" if before is None else "modify", "".join(parts), min(same + 1, max(1, len(new))), cut)


def _split(text: str) -> list[str]:
    """The lines with their ends, as git takes them: at line feeds alone."""
    *lines, last = text.split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines both begin with."""
    most = min(len(old), len(new))
    return next((place for place in range(most) if old[place] != new[place]), most)


def _lines(old: list[str], new: list[str], same: int) -> Iterator[str]:
    """The lines of the diff. What both begin and end with is left out, but for some lines around."""
    same_end = _common(old[same:][::-1], new[same:][::-1])
    begin, old_end, new_end = max(0, same - CONTEXT), len(old) - same_end, len(new) - same_end
    old_part, new_part = old[begin : old_end + CONTEXT], new[begin : new_end + CONTEXT]
    if (old_end - same) * (new_end - same) <= COMPARED_MAX:
        groups = list(SequenceMatcher(None, old_part, new_part, autojunk=False).get_grouped_opcodes(CONTEXT))
    else:
        lead, tail = same - begin, min(CONTEXT, same_end)
        i, j = len(old_part), len(new_part)
        whole = [("equal", 0, lead, 0, lead), ("replace", lead, i - tail, lead, j - tail)]
        groups = [[*whole, ("equal", i - tail, i, j - tail, j)]]
    for group in groups:
        i1, i2, j1, j2 = group[0][1], group[-1][2], group[0][3], group[-1][4]
        yield f"@@ -{_range(begin + i1, i2 - i1)} +{_range(begin + j1, j2 - j1)} @@\n"
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                yield from map(_context, old_part[a1:a2])
                continue
            yield from (_marked("-", line) for line in old_part[a1:a2])
            yield from (_marked("+", line) for line in new_part[b1:b2])


def _range(begin: int, length: int) -> str:
    """As in a hunk's header: from 1; an empty one names the line before it."""
    return f"{begin if not length else begin + 1},{length}"


def _context(line: str) -> str:
    return _marked(" ", line)


def _marked(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n{NO_NEWLINE}"
