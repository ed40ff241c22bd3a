"""Bounds of a real MCP server's answers: what the model gets of each, and that the server stays usable."""

import asyncio
import sys
from pathlib import Path

import pytest

from agent.tools.mcp import calls, stdio
from agent.tools.mcp.incoming import messages
from agent.util.tasks import TaskOwner
from tests.support.polling import eventually
from tests.unit.agent.tools.mcp.servers import ROOT, entry, noted, odd, running_servers

HOSTILE = entry(command=sys.executable, args=["-m", "tests.support.hostile_mcp"], cwd=str(ROOT))


async def test_the_model_gets_what_fits_of_an_answer_and_is_informed_of_the_rest(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"hostile": HOSTILE}) as running:
        session = await running.session()
        blocks = await session.run("attack", kind="blocks")
        assert blocks.output.endswith("[left out: 399800 more content blocks]")
        unknown = await session.run("attack", kind="unknown_blocks")
        assert unknown.output.count("[left out: a content block of an unknown form]") == messages.BLOCKS_MAX
        structured = await session.run("attack", kind="structured")
        assert structured.output == "[left out: structured content of more than 131072 bytes]"
        text = await session.run("attack", kind="text")
        assert text.truncated and text.output.startswith("words and more") and len(text.output) < 100_000
        elsewhere = await session.run("attack", kind="elsewhere")
        assert not elsewhere.success
        assert elsewhere.output == "the answer of the MCP server hostile is refused: it has more than 1000 values"
        assert (await session.run("attack", kind="words")).output == "words"


async def test_a_list_of_thousands_of_tools_gives_as_many_as_providers_take(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"hostile": HOSTILE}) as running:
        session = await running.session()
        assert (await session.run("attack", kind="words")).success
        assert 1 < len(session.names()) <= 128


async def test_progress_without_end_is_stored_in_few_texts_and_ends_with_a_note(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"hostile": HOSTILE}) as running:
        session = await running.session()
        assert (await session.run("attack", kind="progress")).output == "words"
        assert "[its further messages are left out]\n" in session.log[-1] + session.log[-2]
        assert len(session.log) < 40
        assert sum(map(len, session.log)) < calls.LOG_CHARS_TOTAL_MAX + 1_000


async def test_a_server_that_does_not_read_its_input_is_lost(
    tmp_path: Path, tasks: TaskOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio, "WRITE_TIMEOUT_S", 0.3)
    async with running_servers(tmp_path, {"odd": odd(folder=tmp_path)}) as running:
        session = await running.session()
        hanging = tasks.start(session.run("hang"), "hang")
        await eventually(lambda: noted(tmp_path, "hanging") != 0, "a server that hangs")
        # A server's library may have asked for one more line before the tool began to hang.
        results = await asyncio.gather(*(session.run("echo", text="x" * 1_000_000) for _ in range(3)))
        assert all("it does not read its input" in result.output for result in results)
        assert "it does not read its input" in (await hanging).output
