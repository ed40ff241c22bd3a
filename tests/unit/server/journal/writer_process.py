"""Writer process: a journal in a process that is killed; it prints what was acknowledged, one line for each.

Run as `python -m tests.unit.server.journal.writer_process FOLDER BOOT_ID`. It appends for ever; `Elsewhere` is the other end.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

from server.journal.sqlite import open_journal
from tests.unit.server.journal.builders import item, row

ROOT = Path(__file__).resolve().parents[4]


def text(seq: int) -> str:
    return f"event {seq}"


async def append_for_ever(folder: Path, boot_id: str) -> None:
    journal = await open_journal(folder, boot_id=lambda: boot_id)
    if not await journal.list():
        await journal.create(row())
    lease = await journal.acquire("s")
    head = (await journal.stat("s")).head
    print(journal.epoch, flush=True)
    while True:
        await journal.append(item(lease, head, text(head + 1)))
        head += 1
        print(head, flush=True)


class Elsewhere:
    """The process. Leaving the context kills it as `kill -9` does."""

    def __init__(self, folder: Path, boot_id: str = "boot 1") -> None:
        command = [sys.executable, "-m", "tests.unit.server.journal.writer_process", str(folder), boot_id]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.epoch = self._line()

    def __enter__(self) -> "Elsewhere":
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def appended(self, events: int) -> int:
        """Wait until so many more events are acknowledged; the seq of the last."""
        for _ in range(events - 1):
            self._line()
        return int(self._line())

    def kill(self) -> int:
        """Kill it in mid-append; the seq of the last acknowledged event, 0 if nobody looked."""
        self._process.kill()
        rest, _ = self._process.communicate(timeout=30)
        whole = rest[: rest.rfind("\n") + 1].split()
        return int(whole[-1]) if whole else 0

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the other process ended by itself"
        return line


if __name__ == "__main__":
    asyncio.run(append_for_ever(Path(sys.argv[1]), sys.argv[2]))
