"""Project work: what a session does in a project folder, as any user of the machine."""

import asyncio
import codecs
import json
import os
import threading
import traceback
from pathlib import Path

from agent.sandbox.local.probe import probe
from agent.sandbox.local.sandbox import LocalSandbox
from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import SearchRequest
from agent.workspace.project import ProjectFolder
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from server.sessions.workspaces import remove_workspace, workspace_folder
from tests.support.executors import disk, places

COMMANDS = (
    "pwd",
    "echo $HOME",
    "cat src/main.py",
    "echo made >made.txt",
    "echo evil >.git/config",
    "echo evil >.git/hooks/pre-commit",
    "echo evil >.vscode/tasks.json",
    "mv .git moved",
    "echo evil >.envrc",
    "ls $HOME/.. && ls ../outside",
)


def place(root: Path, data: Path) -> ProjectFolder:
    """The project folder `root` of the session `one`, with one file allowed: nothing of it may count."""
    limits = WorkspaceLimits(files_max=1, total_bytes_max=1)
    return ProjectFolder(root, limits, Workspace(workspace_folder(data, "one"), WorkspaceLimits()), lambda: "")


async def work(root: Path, data: Path, *, searches: bool) -> dict[str, object]:
    """Run the commands, list and search (which starts this Python), and delete the session; what came of it, by command."""
    program = probe().program
    assert program is not None
    workspace, settings = place(root, data), SandboxSettings()
    sandbox = LocalSandbox(workspace, disk(), places(), settings, "a test", program, (data,))
    done: dict[str, object] = {}
    for command in COMMANDS:
        output = bytearray()

        async def sink(piece: bytes, into: bytearray = output) -> None:
            into.extend(piece)

        ended = await sandbox.exec(command, sink, 60.0)
        done[command] = [ended.code, output.decode(errors="replace").strip(), ended.note]
    if searches:
        await _search(sandbox, done)
    workspace.write(".holdfast/output.txt", b"long", threading.Event())
    await sandbox.close()
    remove_workspace(data, "one")
    return done


async def _search(sandbox: LocalSandbox, done: dict[str, object]) -> None:
    done["list"] = [entry.path for entry in (await sandbox.list(".", True))[0]]
    done["list ignored"] = [entry.path for entry in (await sandbox.list("node_modules", True))[0]]
    done["grep"] = [match.path for match in (await sandbox.search(SearchRequest(pattern="needle"))).matches]


def work_as(user: int, root: Path, data: Path, answer: Path) -> None:
    """`work` in a process of its own, as this user; what came of it is in the file `answer`."""
    answer.touch()
    searches = user == os.geteuid()
    if not searches:
        os.chown(answer, user, user)
    codecs.lookup("ascii")  # while this user may read the library
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if not searches:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            answer.write_text(json.dumps(asyncio.run(work(root, data, searches=searches))))
            code = 0
        except BaseException:
            answer.write_text(traceback.format_exc())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, answer.read_text()
