"""Odd MCP server over HTTP, made with the library: `python -m tests.unit.agent.tools.mcp.odd_server --http PORT`."""

import argparse
import asyncio
import base64
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)
from pydantic import BaseModel, Field

from tests.unit.agent.tools.mcp.plain_server import PNG, SOUND


class Color(BaseModel):
    """What `ask` asks for."""

    color: str


def make_server(folder: Path | None = None) -> MCPServer[Any]:
    """The server. `folder`: where it notes what it does."""
    server: MCPServer[Any] = MCPServer("odd", log_level="CRITICAL")

    def note(name: str, text: str = "") -> None:
        if folder is not None:
            (folder / name).write_text(text or str(os.getpid()))

    note("started")
    for add in (_plain, _waiting, _rich):
        add(server, note)
    return server


def _plain(server: MCPServer[Any], note: Callable[..., None]) -> None:
    @server.tool()
    def echo(text: str, times: int = Field(default=1, ge=1, le=3)) -> str:
        """Say it again."""
        return text * times

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def whoami(ctx: Context) -> dict[str, Any]:
        """Who this is, and what it was given."""
        sent = dict(ctx.headers or {})
        return {"pid": os.getpid(), "env": dict(os.environ), "authorization": sent.get("authorization", "")}

    @server.tool(annotations=ToolAnnotations(destructive_hint=True))
    def wipe() -> str:
        """Take away."""
        return "wiped"

    @server.tool()
    def fail() -> str:
        """Fail."""
        raise ValueError("it cannot be done")

    @server.tool()
    def flood(chars: int) -> str:
        """Say much."""
        return "x" * chars

    @server.tool()
    async def grow(ctx: Context) -> str:
        """Have one tool more, and one less."""
        server.add_tool(lambda: "late", name="late", description="A tool that came late.")
        server.remove_tool("flood")
        await ctx.notify_tools_changed()
        await ctx.session.send_tool_list_changed()
        return "grown"

    def color() -> Elicit[Color]:
        return Elicit("which color?", Color)

    @server.tool()
    async def ask(answer: Annotated[ElicitationResult[Color], Resolve(color)]) -> str:
        """Ask the person, in the way that all revisions of the protocol have."""
        return f"got {answer}"


def _waiting(server: MCPServer[Any], note: Callable[..., None]) -> None:
    @server.tool()
    async def hold(ctx: Context) -> str:
        """Say that it begins, and do not end."""
        await ctx.report_progress(1, 2, "holding")
        await _log(ctx, "holding on")
        note("holding")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            note("cancelled")
            raise
        return "never"

    @server.tool()
    async def steps(ctx: Context) -> str:
        """Say each step."""
        for step in range(1, 4):
            await ctx.report_progress(step, 3, f"step {step}")
        await _log(ctx, "all steps done")
        return "done"


def _rich(server: MCPServer[Any], note: Callable[..., None]) -> None:
    @server.tool()
    def picture() -> CallToolResult:
        """Everything but text."""
        blob = BlobResourceContents(uri="file:///a/../b/report.pdf", mime_type="application/pdf", blob=_b64(b"%PDF"))
        text = TextResourceContents(uri="note://x/hello.txt", mime_type="text/plain", text="hello")
        return CallToolResult(
            content=[
                TextContent(type="text", text="see"),
                ImageContent(type="image", data=_b64(PNG), mime_type="image/png"),
                AudioContent(type="audio", data=_b64(SOUND), mime_type="audio/wav"),
                EmbeddedResource(type="resource", resource=blob),
                EmbeddedResource(type="resource", resource=text),
                ResourceLink(type="resource_link", name="more", uri="https://example.com/more"),
            ]
        )

    @server.tool()
    def broken_picture() -> CallToolResult:
        """No picture."""
        return CallToolResult(content=[ImageContent(type="image", data="@@@", mime_type="image/png")])

    @server.tool()
    def figures() -> CallToolResult:
        """Structured content alone."""
        return CallToolResult(content=[], structured_content={"answer": 42})


async def _log(ctx: Context, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # servers will go on logging for years
        await ctx.info(text)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--http", type=int, metavar="PORT", help="serve streamable HTTP on 127.0.0.1")
    parser.add_argument("--folder", type=Path, help="where to note what is done")
    arguments = parser.parse_args()
    make_server(arguments.folder).run("streamable-http", port=arguments.http)


if __name__ == "__main__":
    main()
