"""The document of other protocols: its commands run as they are written, against a real server."""

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.docs.documents import examples
from tests.support.compatible.settings import compatible
from tests.support.live import listening
from tests.support.models.scripted_model import ScriptedModel, text


async def run(command: str, port: int, folder: Path) -> str:
    """What a command of the document writes; `folder` is where the server's data folder is."""
    for file in folder.glob("*.py"):
        file.write_text(file.read_text().replace("7860", str(port)))
    command = command.replace("7860", str(port))
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_the_commands_of_the_document_run(tmp_path: Path) -> None:
    ag_ui, chat = examples("docs/compatible.md", "sh")
    async with ScriptedModel([text("Good day."), text("Good day."), text("Again."), text("Bye.")]) as model:
        settings = compatible(tmp_path / "data", model, auth={"local_token": True})
        async with listening(settings) as live:
            assert '"delta":"Good day."' in await run(ag_ui.text, live.port, tmp_path)
            assert '"content":"Good day."' in await run(chat.text, live.port, tmp_path)
            [program] = examples("docs/compatible.md", "python")
            file = tmp_path / "example.py"
            file.write_text(program.text)
            assert await run(f"{sys.executable} {file}", live.port, tmp_path) == "Again.\nBye.\n"
