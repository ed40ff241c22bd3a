"""The doctor looks at the MCP servers of the settings: a command must be there; `--online` starts each and lists its tools."""

import asyncio
from collections.abc import Mapping

from agent.tools.mcp import McpServer, program, try_server
from server.config.settings import Settings
from server.doctor.finding import Finding, fail, ok, warn


async def mcp_servers(settings: Settings, environ: Mapping[str, str], *, online: bool) -> list[Finding]:
    """A finding for each server. `online`: they are connected to, all at once."""
    if not settings.mcp_servers:
        return [ok("MCP servers", "none are configured")]
    found = [_one(settings, f"MCP server {name}", name, environ, online) for name in settings.mcp_servers]
    return await asyncio.gather(*found)


async def _one(settings: Settings, title: str, name: str, environ: Mapping[str, str], online: bool) -> Finding:
    entry: McpServer = settings.mcp_servers[name]
    if entry.disabled:
        return ok(title, "is disabled")
    path = program(entry, environ) if entry.command else ""
    if path is None:
        advice = "install it, or give its whole path"
        return fail(title, f"the command {entry.command!r} is not on the PATH", advice)
    if entry.owner_token:
        return ok(title, "is started with its owner's token, so not by the doctor")
    if not online:
        return ok(title, f"runs {path}" if path else "is reached by its url, which was not asked (--online does)")
    status = await try_server(name, entry, settings.mcp)
    if status.state != "up":
        return fail(title, status.reason, "start it, or mend its entry in mcpServers; its log says more")
    if not status.tools:
        return warn(title, "answers, and has no tools", "see its entry's tools, which may name none that it has")
    return ok(title, f"answers (tools: {status.tools})")
