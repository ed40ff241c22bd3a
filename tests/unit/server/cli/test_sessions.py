"""`holdfast sessions` and `holdfast backup`: with a running server and without one; and the export over HTTP."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from protocol import events as ev
from protocol.codec import decode_event
from protocol.submissions import Restore, UserInput
from protocol.view import View, apply
from server.cli import main
from server.config.settings import Settings
from tests.support.application import settings_for, with_journal
from tests.support.forking import interpreter
from tests.support.forking.interpreter import HOLDFAST
from tests.support.live import DONE, Live, client, listening, same_view
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client

UNPRIVILEGED = ("setpriv", "--bounding-set=-all") if os.geteuid() == 0 else ()
"""Takes from root the right to pass over the modes of files, as other users have to heed them."""


async def holdfast(*arguments: str, stdin: str = "", prefix: tuple[str, ...] = ()) -> tuple[int, str, str]:
    """As a user runs it: exit code, standard output, standard error. `prefix`: what the command line begins with."""
    process = await asyncio.create_subprocess_exec(
        *([*prefix, sys.executable, "-c", HOLDFAST] if prefix else interpreter.holdfast()),
        *arguments,
        cwd=Path(main.__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def talk(live: Live, words: str) -> tuple[str, View]:
    """A session with one turn: its id and the view of who was there."""
    async with client(live) as one:
        await one.synced()
        await one.send(UserInput(text=words))
        assert isinstance(await one.until_type(*DONE), ev.TurnComplete)
        return one.ready.session_id, one.view


def view_of(lines: list[str], model: str) -> View:
    """The fold of exported events; the model's name is not in them unless it was changed."""
    view = View(model=model)
    for line in lines:
        apply(view, decode_event(line.encode()))
    return view


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path / "data")


async def test_a_session_is_listed_shown_and_exported_while_the_server_runs(settings: Settings, tmp_path: Path) -> None:
    data = ["--data", settings.journal.data]
    async with (
        ScriptedModel(lambda _: text("Owls ", "are birds.")) as model,
        listening(settings_for(Path(settings.journal.data), model)) as live,
    ):
        session_id, view = await talk(live, "owls?")
        code, listed, _ = await holdfast("sessions", "list", *data)
        assert code == 0
        assert session_id in listed
        code, listed, _ = await holdfast("sessions", "list", "--json", "--user", "nobody", *data)
        assert (code, listed) == (0, "")
        await talk(live, "and ravens?")
        _, everything, _ = await holdfast("sessions", "list", "--json", *data)
        code, listed, _ = await holdfast("sessions", "list", "--json", "--limit", "1", *data)
        assert (code, listed.count("\n"), everything.startswith(listed)) == (0, 1, True), "the newest alone"
        assert (await holdfast("sessions", "list", "--limit", "0", *data))[0] == 2
        code, shown, _ = await holdfast("sessions", "show", session_id, *data)
        assert (code, json.loads(shown)["message_count"], json.loads(shown)["seq"]) == (0, 2, view.seq)
        file = tmp_path / "out.jsonl"
        code, _, _ = await holdfast("sessions", "export", session_id, "-o", str(file), *data)
        assert code == 0
        assert file.stat().st_mode & 0o077 == 0
        head, *events = file.read_text().splitlines()
        assert json.loads(head)["session_id"] == session_id
        assert same_view(view_of(events, view.model), view)
        async with http_client(live.http) as http:
            over_http = await http.get(f"/api/sessions/{session_id}/export")
        assert over_http.headers["content-type"].startswith("application/jsonl")
        assert same_view(view_of(over_http.text.splitlines()[1:], view.model), view)
        code, _, err = await holdfast("sessions", "export", session_id, "-o", str(file), *data)
        assert code == 1, "nothing is written over"
        assert f"{file}: File exists; name another file with --output" in err
        small = tmp_path / "small.jsonl"
        code, _, err = await holdfast(
            "sessions", "export", session_id, "-o", str(small), *data, prefix=("prlimit", "--fsize=100")
        )
        assert (code, small.exists()) == (1, False), "no part of a session is left"
        assert f"{small}: nothing was exported: " in err
        code, _, err = await holdfast("sessions", "delete", session_id, "--yes", *data)
        assert code == 1
        assert f"DELETE /api/sessions/{session_id}" in err


async def test_a_session_is_deleted_with_its_workspace_when_no_server_runs(settings: Settings) -> None:
    async with listening(settings) as live:
        session_id, _ = await talk(live, "hello")
        async with http_client(live.http) as http:
            assert (await http.put(f"/api/sessions/{session_id}/files/a.txt", content=b"x")).status_code == 201
    folder = Path(settings.journal.data)
    assert (folder / "workspaces" / session_id).is_dir()
    data = ["--data", str(folder)]
    code, _, err = await holdfast("sessions", "delete", session_id, *data, stdin="n\n")
    assert (code, "nothing was deleted" in err) == (1, True)
    assert (await holdfast("sessions", "delete", session_id, *data, stdin="y\n"))[0] == 0
    assert not (folder / "workspaces" / session_id).exists()
    code, _, err = await holdfast("sessions", "show", session_id, *data)
    assert (code, "there is no session" in err) == (1, True)


async def session_with_file(settings: Settings) -> tuple[str, Path]:
    """A stored session with one file, and no server: its id and its workspace."""
    async with listening(settings) as live:
        session_id, _ = await talk(live, "hello")
        async with http_client(live.http) as http:
            assert (await http.put(f"/api/sessions/{session_id}/files/a/b.txt", content=b"x")).status_code == 201
    return session_id, Path(settings.journal.data) / "workspaces" / session_id


async def test_delete_removes_a_folder_that_a_command_made_unreadable(settings: Settings) -> None:
    session_id, workspace = await session_with_file(settings)
    (workspace / "a").chmod(0)
    data = ["--data", settings.journal.data]
    code, out, err = await holdfast("sessions", "delete", session_id, "--yes", *data, prefix=UNPRIVILEGED)
    assert (code, out, err) == (0, f"{session_id} is deleted\n", "")
    assert not workspace.exists()


async def test_delete_keeps_the_session_whose_workspace_cannot_be_removed(settings: Settings) -> None:
    session_id, workspace = await session_with_file(settings)
    data = ["--data", settings.journal.data]
    workspace.parent.chmod(0o500)
    try:
        code, _, err = await holdfast("sessions", "delete", session_id, "--yes", *data, prefix=UNPRIVILEGED)
    finally:
        workspace.parent.chmod(0o700)
    assert code == 1
    assert f"{workspace} could not be removed" in err and "then delete the session again" in err
    code, out, _ = await holdfast("sessions", "list", *data)
    assert (code, session_id in out, workspace.exists()) == (0, True, True)
    assert (await holdfast("sessions", "delete", session_id, "--yes", *data, prefix=UNPRIVILEGED))[0] == 0
    assert not workspace.exists()


async def test_a_folder_without_a_journal_is_an_error(tmp_path: Path) -> None:
    for command in (["sessions", "list"], ["backup", str(tmp_path / "to")]):
        code, _, err = await holdfast(*command, "--data", str(tmp_path / "nothing"))
        assert code == 1
        assert "there is no journal" in err
    assert not (tmp_path / "nothing").exists()


async def test_a_backup_of_a_running_server_opens_with_a_new_epoch(settings: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    async with listening(settings) as live:
        session_id, view = await talk(live, "before")
        async with http_client(live.http) as http:
            await http.put(f"/api/sessions/{session_id}/files/a.txt", content=b"kept")
        os.mkfifo(Path(settings.journal.data, "workspaces", session_id, "pipe"))
        code, out, err = await holdfast("backup", str(copy), "--data", settings.journal.data)
        assert (code, err) == (0, "")
        assert [path.name for path in (copy / "workspaces" / session_id).iterdir()] == ["a.txt"]
        assert str(copy) in out
        await talk(live, "after")
        code, _, err = await holdfast("backup", str(copy), "--data", settings.journal.data)
        assert (code, "exists already" in err) == (1, True)
        async with client(live, session_id) as one:
            epoch = (await one.synced()).ready.epoch
    async with (
        listening(settings_for(copy)) as restored,
        client(restored, session_id) as one,
    ):
        await one.synced()
        assert one.ready.epoch != epoch
        assert one.view.seq == view.seq
        assert one.view.messages == view.messages
        async with http_client(restored.http) as http:
            assert (await http.get(f"/api/sessions/{session_id}/files/a.txt")).content == b"kept"
            assert len((await http.get("/api/sessions")).json()["sessions"]) == 1


async def test_snapshots_of_files_are_in_backups_and_go_with_a_deleted_session(
    settings: Settings, tmp_path: Path
) -> None:
    script = [calls(Call("write", {"path": "a.txt", "content": "new"}, id="w1")), text("Done.")]
    data, copy = Path(settings.journal.data), tmp_path / "copy"
    async with ScriptedModel(script) as model:
        async with listening(settings_for(data, model, policy={})) as live, client(live) as one:
            session_id = (await one.synced()).ready.session_id
            async with http_client(live.http) as http:
                await http.put(f"/api/sessions/{session_id}/files/a.txt", content=b"old")
            await one.send(UserInput(text="go"))
            await one.until_type(*DONE)
            (snapshot,) = one.view.snapshots
        assert (await holdfast("backup", str(copy), "--data", str(data)))[0] == 0
        async with listening(settings_for(copy, model, policy={})) as live, client(live, session_id) as one:
            await one.synced()
            await one.send(Restore(snapshot_id=snapshot.snapshot_id))
            await one.until_type(ev.WorkspaceRestored)
    assert (copy / "workspaces" / session_id / "a.txt").read_bytes() == b"old"
    assert (data / "workspaces" / session_id / "a.txt").read_bytes() == b"new"
    assert (data / "snapshots" / session_id).is_dir()
    assert (await holdfast("sessions", "delete", session_id, "--yes", "--data", str(data)))[0] == 0
    assert [*(data / "snapshots").iterdir()] == []


async def test_sessions_in_a_database_are_listed_shown_and_exported_while_a_server_uses_it(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_JOURNAL_URL", database)
    data = ("--data", str(tmp_path))
    async with ScriptedModel([text("Well.")]) as model:
        settings = with_journal(settings_for(tmp_path, model), database)
        async with listening(settings) as live, client(live) as talker, http_client(base_url=live.http) as http:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(*DONE)
            session_id = talker.ready.session_id
            assert main.main(["sessions", "list", *data]) == 0
            assert session_id in capsys.readouterr().out
            assert main.main(["sessions", "show", session_id, *data]) == 0
            shown = json.loads(capsys.readouterr().out)
            assert (shown["session_id"], shown["epoch"]) == (session_id, talker.ready.epoch)
            file = tmp_path / "export"
            assert main.main(["sessions", "export", session_id, "-o", str(file), *data]) == 0
            capsys.readouterr()
            _, *ours = file.read_text().splitlines()
            _, *theirs = (await http.get(f"/api/sessions/{session_id}/export")).text.splitlines()
            assert ours == theirs and len(ours) > 3
            assert main.main(["sessions", "delete", session_id, "--yes", *data]) == 2
            assert "delete at a running server" in capsys.readouterr().err
            assert main.main(["sessions", "show", "0" * 32, *data]) == 1
