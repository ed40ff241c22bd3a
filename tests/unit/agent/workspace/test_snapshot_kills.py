"""Snapshots over kills: a killed process leaves whole snapshots, and a restoration that is done again is done."""

import subprocess
import threading
from pathlib import Path

import pytest

from agent.workspace.file_copy import CopyStopped
from agent.workspace.snapshots import SnapshotLost
from tests.support.forking.interpreter import python
from tests.unit.agent.workspace.snapshot_places import FAR, Place, fill
from tests.unit.agent.workspace.workspaces import GO


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_store_is_read_by_the_next_process(place: Place) -> None:
    fill(place.root)
    before = place.tree()
    place.take(1)
    subprocess.run(["bash", "-c", "rm -rf *"], cwd=place.root, check=True)
    place.store = place.reopened()
    place.back(1)
    assert place.tree() == before


def test_a_damaged_content_is_not_restored_and_named(place: Place) -> None:
    (place.root / "file").write_text("first")
    place.take(1)
    (place.root / "file").write_text("second")
    objects = place.folder / "snapshots" / "one" / "objects"
    next(objects.iterdir()).write_text("torn!")
    assert place.back(1).left == (b"file",)
    assert (place.root / "file").read_text() == "second"


def test_a_damaged_manifest_is_a_lost_snapshot(place: Place) -> None:
    place.take(1)
    next((place.folder / "snapshots" / "one").glob("*.manifest")).write_bytes(b"\x93torn")
    place.store = place.reopened()
    with pytest.raises(SnapshotLost):
        place.back(1)


def test_stopped_before_the_snapshot_is_whole_there_is_none(place: Place) -> None:
    fill(place.root)
    stop = threading.Event()
    stop.set()
    with pytest.raises(CopyStopped):
        place.store.take("turn-1", FAR, stop)
    with pytest.raises(SnapshotLost):
        place.back(1)


KILLED = """
import os, sys
from pathlib import Path
from tests.unit.agent.workspace import snapshot_places as t
place = t.Place(Path(sys.argv[1]))
left = int(sys.argv[3])
def counted(event, args):
    global left
    if event in {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.symlink", "os.mkfifo", "os.utime", "os.truncate"}:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
if sys.argv[2] == "take":
    sys.addaudithook(counted)
    place.take(2)
else:
    place.store.take("restore-3", t.FAR, t.GO, keep="turn-1")
    sys.addaudithook(counted)
    place.store.restore("turn-1", "restore-3", t.GO)
print("done")
"""


def killed_after(place: Place, what: str, steps: int) -> bool:
    """Do it in a process of its own that is killed after so many changes of the disk; whether it was killed."""
    done = subprocess.run(
        [*python(), "-c", KILLED, str(place.folder), what, str(steps)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -9 or done.stdout == "done\n", done.stderr
    place.store = place.reopened()
    return done.returncode == -9


CHANGE_ALL = "rm -r a link pipe && echo file > a && echo changed > top.txt && mkdir new && echo x > new/x"


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 8])
def test_killed_while_a_snapshot_is_taken_the_former_ones_are_whole(steps: int, place: Place) -> None:
    fill(place.root)
    before = place.tree()
    place.take(1)
    subprocess.run(["bash", "-c", CHANGE_ALL], cwd=place.root, check=True)
    killed_after(place, "take", steps)
    assert place.back(1).left == ()
    assert place.tree() == before
    assert list((place.folder / "snapshots" / "one").rglob("*.part")) == []


@pytest.mark.parametrize("steps", [0, 1, 3, 6, 9, 12, 15, 18])
def test_killed_while_it_restores_it_is_done_when_it_is_done_again(steps: int, place: Place) -> None:
    fill(place.root)
    before = place.tree()
    place.take(1)
    subprocess.run(["bash", "-c", CHANGE_ALL], cwd=place.root, check=True)
    after = place.tree()
    assert killed_after(place, "restore", steps)
    assert place.store.restore("turn-1", "restore-3", GO).left == ()
    assert {name: what for name, what in place.tree().items() if not name.endswith(".part")} == before
    place.store.take("restore-4", FAR, GO, keep="restore-3")
    assert place.store.restore("restore-3", "restore-4", GO).left == ()
    assert {name: what for name, what in place.tree().items() if not name.endswith(".part")} == after
