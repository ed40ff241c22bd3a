"""Hostile MCP servers: whatever one of them answers, lists or floods with, nobody else waits for it."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.tools.mcp.settings import McpServer
from tests.faults.process.process import ROOT, Zygote
from tests.hostile.attacks.mcp import until_it_answers
from tests.hostile.harness import under_attack

pytestmark = pytest.mark.timeout(180)

ATTACKS = "tests.hostile.attacks.mcp"


async def test_answers_lists_and_floods_of_an_mcp_server_delay_nobody(zygote: Zygote, tmp_path: Path) -> None:
    hostile = McpServer(command=sys.executable, args=["-m", "tests.support.hostile_mcp"], cwd=str(ROOT))
    groups = {"policy": {"yolo_mode": True}, "mcp_servers": {"hostile": hostile}}
    async with under_attack(zygote, tmp_path, **groups) as beside:
        await until_it_answers(beside.target)
        await beside.check(f"{ATTACKS}:large_and_odd_answers")
        await beside.check(f"{ATTACKS}:progress_without_end")
        await beside.check(f"{ATTACKS}:changed_lists_without_end")
        await beside.check(f"{ATTACKS}:requests_without_end")
        await beside.check(f"{ATTACKS}:empty_lines_without_end")


async def test_an_mcp_server_over_http_that_does_its_worst_delays_nobody(zygote: Zygote, tmp_path: Path) -> None:
    async with hostile_over_http() as url:
        groups = {"policy": {"yolo_mode": True}, "mcp_servers": {"hostile": McpServer(url=url)}}
        async with under_attack(zygote, tmp_path, **groups) as beside:
            await until_it_answers(beside.target)
            await beside.check(f"{ATTACKS}:large_and_odd_answers")
            await beside.check(f"{ATTACKS}:floods_without_end")


@contextlib.asynccontextmanager
async def hostile_over_http() -> AsyncIterator[str]:
    """The hostile server as a process; its URL."""
    arguments = (sys.executable, "-m", "tests.support.hostile_mcp_http")
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.communicate()
