"""Object store: contents of files, each once, in files that are named by their digests. Blocking."""

import os
import secrets
import threading
from pathlib import Path

from agent.workspace.dirfd import READ
from agent.workspace.file_copy import copy_file
from agent.workspace.manifest import DIGEST_BYTES


class ObjectStore:
    """The contents in one folder. `bytes`: what they take together.

    They are not flushed to the disk: a content that a loss of power cut short is found by its size, or by its digest when
    it is copied back, and is not used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: dict[bytes, int] = {}
        self.bytes = 0

    def open(self) -> None:
        """Make the folder if it is missing, and find out what is in it. Remove what a kill left behind."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._sizes = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if len(entry.name) == 2 * DIGEST_BYTES:
                    self._sizes[bytes.fromhex(entry.name)] = entry.stat(follow_symlinks=False).st_size
                else:
                    Path(entry.path).unlink()
        self.bytes = sum(self._sizes.values())

    def __len__(self) -> int:
        """The number of contents."""
        return len(self._sizes)

    def has(self, digest: bytes, size: int) -> bool:
        """Whether this content is there, with this size."""
        return self._sizes.get(digest) == size

    def add(self, source: int, stop: threading.Event, most: int) -> bytes | None:
        """Keep the content of an open file; its digest, or None if it is more than `most` bytes. Raises CopyStopped, OSError."""
        unfinished = self._folder / f"{secrets.token_hex(8)}.part"
        fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            digest = copy_file(source, fd, stop, most)
            size = os.fstat(fd).st_size
            if digest is not None and not self.has(digest, size):
                unfinished.rename(self._folder / digest.hex())
                self.bytes += size - self._sizes.get(digest, 0)
                self._sizes[digest] = size
            return digest
        finally:
            os.close(fd)
            unfinished.unlink(missing_ok=True)

    def reader(self, digest: bytes) -> int:
        """Open a content for reading; the caller closes it. Raises OSError."""
        return os.open(self._folder / digest.hex(), READ)

    def keep(self, digests: set[bytes]) -> None:
        """Remove all other contents."""
        for digest in [digest for digest in self._sizes if digest not in digests]:
            (self._folder / digest.hex()).unlink(missing_ok=True)
            self.bytes -= self._sizes.pop(digest)
