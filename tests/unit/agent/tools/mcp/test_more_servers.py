"""More real MCP servers, in the long form alone: they are installed from the registries, then started, listed and called once.

None needs a network once it is installed. docs/tools.md has the table of them.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from agent.tools.mcp import READ_RESOURCE, McpServer
from tests.faults.harness.lengths import in_the_long_form
from tests.support.chromium import MISSING, chromium
from tests.support.installed import node_modules, python_with
from tests.support.node import node_command
from tests.unit.agent.tools.mcp.servers import ROOT, entry, running_servers
from tests.unit.agent.tools.mcp.test_real_servers import RealServer

NPM = {
    "@eslint/mcp": "0.3.13",
    "@modelcontextprotocol/server-pdf": "2.0.4",
    "chrome-devtools-mcp": "1.11.0",
    "kubernetes-mcp-server": "0.0.67",
}
PYTHON = ("excel-mcp-server==2.2.2", "fastmcp==4.2.3", "markitdown-mcp==0.0.1a8", "mcp-server-fetch==2026.10.24")
FASTMCP_3 = "fastmcp==3.4.11"

KUBERNETES = """\
apiVersion: v1
kind: Config
current-context: owls
contexts: [{name: owls, context: {cluster: owls, user: owl}}]
clusters: [{name: owls, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: owl, user: {}}]
"""
OWN = """\
from fastmcp import FastMCP
server = FastMCP("owls")
@server.tool
def count(owls: list[str]) -> int:
    return len(owls)
server.run(show_banner=False)
"""


def npm(script: str, *args: str, **fields: Any) -> McpServer:
    return entry(command=node_command(), args=[str(node_modules(NPM) / script), *args], **fields)


def python(program: str, *args: str, packages: tuple[str, ...] = PYTHON) -> McpServer:
    return entry(command=str(python_with(*packages) / program), args=list(args))


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def eslint(folder: Path) -> McpServer:
    written(folder, "package.json", '{"type": "module"}')
    written(folder, "eslint.config.js", 'export default [{rules: {"no-unused-vars": "error"}}];')
    return npm("@eslint/mcp/src/mcp-cli.js", cwd=str(folder))


def chrome(folder: Path) -> McpServer:
    path = chromium()
    if path is None:
        pytest.fail(MISSING, pytrace=False)
    options = ["--headless", "--isolated", "--no-usage-statistics", "--chromeArg=--no-sandbox"]
    return npm("chrome-devtools-mcp/build/src/bin/chrome-devtools-mcp.js", *options, "--executablePath", path)


def kubernetes(folder: Path) -> McpServer:
    program = next((node_modules(NPM)).glob("kubernetes-mcp-server-*/bin/kubernetes-mcp-server-*"))
    return entry(command=str(program), args=["--kubeconfig", str(written(folder, "config", KUBERNETES))])


def own(folder: Path, packages: tuple[str, ...]) -> McpServer:
    return python("python", str(written(folder, "owls.py", OWN)), packages=packages)


SERVERS = {
    "eslint": RealServer(
        "@eslint/mcp 0.3.13",
        eslint,
        1,
        (
            "lint-files",
            lambda folder: {"filePaths": [str(written(folder, "a.js", "const owl = 1;\n"))]},
            "no-unused-vars",
        ),
    ),
    "pdf": RealServer(
        "@modelcontextprotocol/server-pdf 2.0.4",
        lambda folder: npm("@modelcontextprotocol/server-pdf/dist/index.js", "--stdio"),
        3,
        ("list_pdfs", lambda folder: {}, "PDF"),
        (
            "poll_pdf_commands",
            "read_pdf_bytes",
            "save_pdf",
            "submit_page_data",
            "submit_save_data",
            "submit_viewer_state",
        ),
    ),
    "chrome": RealServer(
        "chrome-devtools-mcp 1.11.0",
        chrome,
        32,
        ("new_page", lambda folder: {"url": "data:text/html,<title>Owls</title>"}, "Owls"),
    ),
    "kubernetes": RealServer(
        "kubernetes-mcp-server 0.0.67",
        kubernetes,
        20,
        ("configuration_view", lambda folder: {}, "current-context: owls"),
    ),
    "excel": RealServer(
        "excel-mcp-server 2.2.2",
        lambda folder: python("excel-mcp-server", "stdio"),
        46,
        ("create_workbook", lambda folder: {"path": str(folder / "owls.xlsx")}, "owls.xlsx"),
    ),
    "markitdown": RealServer(
        "markitdown-mcp 0.0.1a8",
        lambda folder: python("markitdown-mcp"),
        1,
        ("convert_to_markdown", lambda folder: {"uri": written(folder, "a.html", "<h1>Owls</h1>").as_uri()}, "# Owls"),
    ),
    "fetch": RealServer(
        "mcp-server-fetch 2026.10.24",
        lambda folder: python("mcp-server-fetch", "--allow-private-ips", "--ignore-robots-txt"),
        1,
        ("fetch", lambda folder: {"url": (folder / "address").read_text()}, "of Ireland"),
    ),
    "fastmcp 4": RealServer(
        "FastMCP 4.2.3, a small server",
        partial(own, packages=PYTHON),
        1,
        ("count", lambda folder: {"owls": ["barn", "snowy"]}, "2"),
    ),
    "fastmcp 3": RealServer(
        "FastMCP 3.4.11, a small server",
        partial(own, packages=(FASTMCP_3,)),
        1,
        ("count", lambda folder: {"owls": ["barn", "snowy"]}, "2"),
    ),
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[None]:
    """A page with words, at an address that the file `address` has."""
    written(tmp_path, "page.html", "<html><body><article><p>The owls of Ireland.</p></article></body></html>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = Thread(target=server.serve_forever, name="page")
        serving.start()
        written(tmp_path, "address", f"http://127.0.0.1:{server.server_port}/page.html")
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


@in_the_long_form
@pytest.mark.timeout(1_800)
@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("name", SERVERS)
async def test_an_installed_server_is_started_listed_and_called(name: str, tmp_path: Path) -> None:
    server = SERVERS[name]
    tool, arguments, output = server.call
    started = msgspec.structs.replace(await asyncio.to_thread(server.start, tmp_path), start_timeout_s=120.0)
    async with running_servers(tmp_path, {name: started}) as running:
        session = await running.session()
        tools = [one for one in session.names() if one != READ_RESOURCE]
        assert len(tools) == server.tools, (tools, running.servers.statuses())
        result = await session.run(tool, **arguments(tmp_path))
        assert result.success and output in result.output, result.output
        (status,) = running.servers.statuses()
        assert sorted(one.name for one in status.left_out) == sorted(server.left_out)


def test_the_table_of_the_docs_has_these_servers() -> None:
    text = (ROOT / "docs/tools.md").read_text("utf-8")
    missing = [server.name for server in SERVERS.values() if f"| {server.name} | {server.tools} |" not in text]
    assert not missing
