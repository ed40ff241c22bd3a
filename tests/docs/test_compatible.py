"""The document of other protocols: its commands run as they are written, against a real server."""

import asyncio
import subprocess
from pathlib import Path

import msgspec

from tests.contract.test_ag_ui import with_ag_ui
from tests.docs.documents import examples
from tests.support.live import listening
from tests.support.models.scripted_model import ScriptedModel, text


async def run(command: str, port: int, folder: Path) -> str:
    """What a command of the document writes; `folder` is where the server's data folder is."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command.replace("7860", str(port)), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_the_commands_of_the_document_run(tmp_path: Path) -> None:
    [ag_ui] = examples("docs/compatible.md", "sh")
    async with ScriptedModel([text("Good day.")]) as model:
        settings = with_ag_ui(tmp_path / "data", model)
        settings = msgspec.structs.replace(settings, auth=msgspec.structs.replace(settings.auth, local_token=True))
        async with listening(settings) as live:
            assert '"delta":"Good day."' in await run(ag_ui.text, live.port, tmp_path)
