"""Real MCP servers of others: each is started, listed and called once. All of them in the long form, three in the short one.

They need no network. docs/tools.md has the table of them.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.tools.mcp import READ_RESOURCE, McpServer
from tests.faults.harness.lengths import LONG
from tests.support.chromium import MISSING, chromium
from tests.support.node import node_command
from tests.unit.agent.tools.mcp.servers import ROOT, entry, running_servers

MODULES = ROOT / "tests/support/npm/mcp/node_modules"


class RealServer(msgspec.Struct, frozen=True):
    """A server. `start`: its entry, given a folder; `tools`: how many models get; `call`: a tool, its arguments, and what its
    output has in it; `left_out`: the tools that models do not get."""

    name: str
    start: Callable[[Path], McpServer]
    tools: int
    call: tuple[str, Callable[[Path], dict[str, Any]], str]
    left_out: tuple[str, ...] = ()


def npm(script: str, *args: str) -> McpServer:
    return entry(command=node_command(), args=[str(MODULES / script), *args])


def python(program: str, *args: str) -> McpServer:
    return entry(command=str(Path(sys.executable).with_name(program)), args=list(args))


def repository(folder: Path) -> Path:
    """A new git repository."""
    made = folder / "repository"
    subprocess.run(["git", "init", "-q", str(made)], check=True)
    (made / "owl.txt").write_text("owl\n")
    return made


def file(folder: Path) -> dict[str, Any]:
    (folder / "a.txt").write_text("words of a file")
    return {"path": str(folder / "a.txt")}


def playwright(folder: Path) -> McpServer:
    path = chromium()
    if path is None:
        pytest.fail(MISSING, pytrace=False)
    options = ["--headless", "--isolated", "--no-sandbox", "--executable-path", path]
    server = npm("@playwright/mcp/cli.js", *options)
    return msgspec.structs.replace(server, shared=False)


SERVERS = {
    "everything": RealServer(
        "@modelcontextprotocol/server-everything 2026.8.31",
        lambda folder: npm("@modelcontextprotocol/server-everything/dist/index.js"),
        15,
        ("get-sum", lambda folder: {"a": 3, "b": 4}, "7"),
        ("simulate-research-query",),
    ),
    "git": RealServer(
        "mcp-server-git 2026.10.19",
        lambda folder: python("mcp-server-git"),
        12,
        ("git_status", lambda folder: {"repo_path": str(repository(folder))}, "owl.txt"),
    ),
    "playwright": RealServer(
        "@playwright/mcp 0.0.83",
        playwright,
        25,
        ("browser_navigate", lambda folder: {"url": "data:text/html,<title>Owls</title>"}, "Owls"),
    ),
    "filesystem": RealServer(
        "@modelcontextprotocol/server-filesystem 2026.8.31",
        lambda folder: npm("@modelcontextprotocol/server-filesystem/dist/index.js", str(folder)),
        14,
        ("read_text_file", file, "words of a file"),
    ),
    "memory": RealServer(
        "@modelcontextprotocol/server-memory 2026.8.31",
        lambda folder: msgspec.structs.replace(
            npm("@modelcontextprotocol/server-memory/dist/index.js"), env={"MEMORY_FILE_PATH": str(folder / "memory")}
        ),
        9,
        (
            "create_entities",
            lambda folder: {"entities": [{"name": "Owl", "entityType": "bird", "observations": []}]},
            "Owl",
        ),
    ),
    "sequential-thinking": RealServer(
        "@modelcontextprotocol/server-sequential-thinking 2026.8.31",
        lambda folder: npm("@modelcontextprotocol/server-sequential-thinking/dist/index.js"),
        1,
        (
            "sequentialthinking",
            lambda folder: {"thought": "a", "nextThoughtNeeded": False, "thoughtNumber": 1, "totalThoughts": 1},
            "thoughtNumber",
        ),
    ),
    "calc": RealServer(
        "@coo-quack/calc-mcp 2.1.1",
        lambda folder: npm("@coo-quack/calc-mcp/dist/index.js"),
        21,
        ("math", lambda folder: {"action": "eval", "expression": "2*3.5"}, "7"),
    ),
    "time": RealServer(
        "mcp-server-time 2026.10.19",
        lambda folder: python("mcp-server-time"),
        2,
        ("get_current_time", lambda folder: {"timezone": "Europe/Paris"}, "Europe/Paris"),
    ),
}
SHORT = ("everything", "git", "playwright")


@pytest.mark.parametrize("name", SERVERS if LONG else SHORT)
async def test_a_real_server_is_started_listed_and_called(name: str, tmp_path: Path) -> None:
    server = SERVERS[name]
    tool, arguments, output = server.call
    async with running_servers(tmp_path, {name: server.start(tmp_path)}) as running:
        session = await running.session()
        tools = [one for one in session.names() if one != READ_RESOURCE]
        assert len(tools) == server.tools, tools
        result = await session.run(tool, **arguments(tmp_path))
        assert result.success and output in result.output, result.output
        (status,) = running.servers.statuses()
        assert tuple(one.name for one in status.left_out) == server.left_out


def test_the_table_of_the_docs_has_every_server() -> None:
    text = (ROOT / "docs/tools.md").read_text("utf-8")
    missing = [server.name for server in SERVERS.values() if f"| {server.name} | {server.tools} |" not in text]
    assert not missing
