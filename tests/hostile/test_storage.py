"""Hostile storage: idle uploads, uploads without an end and odd files delay nobody, stay within the bounds, and stop no backup."""

import asyncio
import itertools
from pathlib import Path

import pytest

from agent.util.tasks import TaskOwner
from protocol import events as ev
from protocol.submissions import UserInput
from server.cli.backup import back_up
from tests.faults.process.process import Zygote
from tests.hostile.attacks.commands import MAKE_ODD_FILES, odd_files
from tests.hostile.attacks.storage import idle_uploads
from tests.hostile.harness import conversation, under_attack
from tests.support.network.http_client import http_client

pytestmark = pytest.mark.timeout(120)


PAUSE_S = 0.2
"""Between two backups: they take a processor too."""


async def test_uploads_and_odd_files_delay_nobody_and_stop_no_backup(
    zygote: Zygote, tmp_path: Path, tasks: TaskOwner
) -> None:
    groups = {"workspace": {"total_bytes_max": 4_000_000}, "policy": {"yolo_mode": True}}
    async with under_attack(zygote, tmp_path, **groups) as beside:
        await beside.check(f"{idle_uploads.__module__}:idle_uploads")
        tasks.start(backups(tmp_path), "backups")
        await beside.check(f"{odd_files.__module__}:odd_files")
        await tasks.aclose()
        workspace = tmp_path / "data" / "workspaces" / beside.target.session_id
        async with conversation(beside.target.port, beside.target.user, beside.target.session_id) as talk:
            await talk.send(UserInput(text=MAKE_ODD_FILES))  # the attack may have ended before its first command did
            while not isinstance(await talk.next(), ev.TurnComplete):
                pass
        kept = await asyncio.to_thread(backup, tmp_path, "last")
        assert (kept / beside.target.session_id / "kept.txt").is_file()
        assert (workspace / "pipe1").is_fifo()
        await beside.check(f"{idle_uploads.__module__}:uploads_without_pause")
        target = beside.target
        async with http_client(target.http) as http:
            url = f"/api/sessions/{target.session_id}/files"
            listed = (await http.get(url, headers=target.headers("user"))).json()["files"]
            assert sum(one["size"] for one in listed) <= 4_000_000
            # The quiet user's session: uploads of others never take its places.
            url = f"/api/sessions/{target.shared_id}/files/mine"
            mine = await http.put(url, content=bytes(200_000), headers=target.headers("drive"))
            assert mine.status_code == 201


async def backups(folder: Path) -> None:
    """Back up again and again."""
    for number in itertools.count():
        await asyncio.to_thread(backup, folder, str(number))
        await asyncio.sleep(PAUSE_S)


def backup(folder: Path, name: str) -> Path:
    """Back up the data folder; the folder of the copied workspaces."""
    to = folder / f"backup-{name}"
    back_up(folder / "data", to)
    return to / "workspaces"
