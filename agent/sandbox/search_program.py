"""Search program: searches files in a process of its own, so that a slow pattern can be killed. Standard library alone.

Runs as `python3 search_program.py REQUEST`, or by `python3 -c` in a remote sandbox, in the workspace or with `root`,
the number of an open descriptor of it. Writes a JSON array `[path, line, text]` for each match, and last `[why]`, why
that is not all, or empty.
"""

import errno
import fnmatch
import json
import os
import re
import signal
import stat
import sys
from typing import Any

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
PROBE_BYTES = 8192
LINE_BYTES = 1 << 20
SKIPPED = re.compile(r"\.git|\.holdfast-[0-9a-f]{16}\.part")
ESCAPE = re.compile(r"(\\x(?:0[1-9a-f]|1[0-9a-f]|7f|[89a-f][0-9a-f]))")
"""A byte of a name as the workspace writes it (`agent.workspace.paths`)."""
DATA_BYTES = 1 << 30
IGNORE_FILE = ".gitignore"
IGNORE_BYTES = 65_536
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
NICE = 10
"""The server and its clients come first."""


class SearchLimit(Exception):
    """A bound of the search is reached; the message says which."""


class Searcher:
    """One search; `request` as `agent.sandbox.search` writes it."""

    def __init__(self, request: "dict[str, Any]") -> None:
        pattern = re.escape(request["pattern"]) if request["fixed"] else request["pattern"]
        self.matches_line = re.compile(pattern, re.IGNORECASE if request["ignore_case"] else 0).search
        self.glob = request["glob"]
        self.left = request["bytes_max"]
        self.matches_left = request["matches_max"]
        self.chars = request["chars_max"]
        self.depth = request["depth_max"]
        self.listed_left = request["listed_max"]
        self.recursive = request["recursive"]
        self.ignored = Ignored(request["libraries"]) if request["libraries"] else None

    def at(self, root: int, parts: "list[str]") -> None:
        """Search the file or folder at the path `parts` below the open folder `root`."""
        folder = root
        for depth, name in enumerate(parts[:-1]):
            self.enter(folder, parts[:depth])
            folder = os.open(existing_name(folder, name), FOLDER, dir_fd=folder)
        if not parts:
            self.folder(root, "", 0)
            return
        self.enter(folder, parts[:-1])
        if self.ignored is not None and self.ignored.has("/".join(parts), True):
            self.ignored = None  # it was asked for by its name
        last = existing_name(folder, parts[-1])
        state = os.stat(last, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(state.st_mode) or self.listed_left:
            self.folder(os.open(last, FOLDER, dir_fd=folder), "/".join(parts) + "/", len(parts))
        else:
            self.file(folder, last, "/".join(parts))

    def enter(self, fd: int, parts: "list[str]") -> None:
        """Heed the .gitignore of this open folder."""
        if self.ignored is not None:
            self.ignored.add(fd, "".join(f"{name}/" for name in parts))

    def folder(self, fd: int, above: str, depth: int) -> None:
        """Search or list the files below an open folder, names in order."""
        with os.scandir(fd) as entries:
            names = sorted(entry.name for entry in entries)
        outer = self.ignored
        if outer is not None:
            self.ignored = outer.inside(fd, above)
        for name in names:
            if SKIPPED.fullmatch(name):
                continue
            try:
                state = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if self.ignored is not None and self.ignored.has(above + name, stat.S_ISDIR(state.st_mode)):
                    continue
                if self.listed_left:
                    self.entry(above + name, state)
                    if not stat.S_ISDIR(state.st_mode) or not self.recursive:
                        continue
                if stat.S_ISREG(state.st_mode):
                    path = above + name
                    if not self.glob or fnmatch.fnmatch(path, self.glob) or fnmatch.fnmatch(name, self.glob):
                        self.file(fd, name, path)
                elif stat.S_ISDIR(state.st_mode) and depth < self.depth:
                    inner = os.open(name, FOLDER, dir_fd=fd)
                    try:
                        self.folder(inner, above + name + "/", depth + 1)
                    finally:
                        os.close(inner)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EIO, errno.EPIPE):
                    raise
        self.ignored = outer

    def entry(self, path: str, state: os.stat_result) -> None:
        """Write one entry of a listing, as long as the bound allows."""
        self.listed_left -= 1
        if not self.listed_left:
            raise SearchLimit("more entries than one listing shows")
        kind = KINDS.get(stat.S_IFMT(state.st_mode), "special file")
        write([shown_path(path), kind, state.st_size if kind == "file" else 0, int(state.st_mtime)])

    def file(self, folder: int, name: str, path: str) -> None:
        """Search one file, if it is one, and text."""
        fd = os.open(name, FILE, dir_fd=folder)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode) or b"\0" in file.peek(PROBE_BYTES)[:PROBE_BYTES]:
                return
            number, begins = 0, True
            while line := file.readline(LINE_BYTES):
                number += begins
                begins = line.endswith(b"\n")
                self.left -= len(line)
                if self.left < 0:
                    raise SearchLimit("more text than one search looks at")
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if self.matches_line(text):
                    self.report(path, number, text)

    def report(self, path: str, line: int, text: str) -> None:
        """Write one match, as long as the bound allows."""
        if self.matches_left <= 0:
            raise SearchLimit("more matches than one search shows")
        self.matches_left -= 1
        shown = text if len(text) <= self.chars else text[: self.chars] + "..."
        write([shown_path(path), line, shown])


class Ignored:
    """What the `.gitignore` files on the way say, by gitignore(5). `libraries`: the folder to import `pathspec` from."""

    def __init__(self, libraries: str, specs: "tuple[tuple[str, Any], ...]" = ()) -> None:
        self.libraries = libraries
        self.specs = specs
        if libraries not in sys.path:
            sys.path.append(libraries)

    def add(self, fd: int, above: str) -> None:
        """Heed the `.gitignore` of the open folder, at the path `above`, which ends with a slash or is empty."""
        from pathspec import GitIgnoreSpec

        try:
            file = os.fdopen(os.open(IGNORE_FILE, FILE, dir_fd=fd), "rb")
        except OSError:
            return
        with file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return
            lines = file.read(IGNORE_BYTES).decode("utf-8", "surrogateescape").splitlines()
        try:
            spec = GitIgnoreSpec.from_lines(lines)
        except (ValueError, re.error, RecursionError):
            spec = GitIgnoreSpec.from_lines(line for line in lines if means_something(line))
        self.specs = (*self.specs, (above, spec))

    def inside(self, fd: int, above: str) -> "Ignored":
        """What is heeded in this open folder, too."""
        inner = Ignored(self.libraries, self.specs)
        if not self.specs or self.specs[-1][0] != above:
            inner.add(fd, above)
        return inner

    def has(self, path: str, folder: bool) -> bool:
        """Whether this path is left out. The innermost file that says something of it decides."""
        for above, spec in reversed(self.specs):
            found = spec.check_file(path[len(above) :] + ("/" if folder else "")).include
            if found is not None:
                return bool(found)
        return False


def means_something(line: str) -> bool:
    """Whether this line of a `.gitignore` can be read; git passes over one that cannot."""
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error, RecursionError):
        return False
    return True


def shown_path(path: str) -> str:
    """The path, a byte that is not UTF-8 as the workspace writes it: `\\xff`."""
    return "".join(f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in path)


def existing_name(folder: int, name: str) -> str:
    """The name in an open folder that this text means: the text itself if it is there, else with `\\xff` read as a byte."""
    data = b"".join(
        bytes.fromhex(part[2:]) if ESCAPE.fullmatch(part) else os.fsencode(part) for part in ESCAPE.split(name)
    )
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return os.fsdecode(data)
        raise
    return name


def write(value: object) -> None:
    """Write one line of the answer at once, so that it is kept if the search is killed."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Search as the first argument asks."""
    request = json.loads(sys.argv[1])
    os.nice(NICE)
    # No handler: a pattern that runs for ever runs in C, and would never let one run.
    signal.alarm(request["seconds"])
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES, DATA_BYTES))
    except (ImportError, ValueError, OSError):
        pass  # the sandbox has a narrower bound of its own
    try:
        root = request["root"] if request["root"] is not None else os.open(".", FOLDER)
        Searcher(request).at(root, request["parts"])
    except SearchLimit as why:
        write([str(why)])
    except MemoryError:
        write(["no memory left"])
    else:
        write([""])


if __name__ == "__main__":
    main()
