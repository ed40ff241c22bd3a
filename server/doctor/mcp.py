"""The doctor looks at the MCP servers of the config: a command must be there, a URL must answer."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from server.doctor.finding import Finding, fail, ok, warn
from server.settings_file import SettingsError, read_section

SECTION = "mcpServers"
ASK_S = 5.0


def mcp_servers(config: Path, environ: Mapping[str, str], *, online: bool) -> list[Finding]:
    """A finding for each server. `online`: URLs are asked."""
    try:
        section = read_section(config, SECTION, environ)
    except SettingsError as error:
        return [fail("MCP servers", str(error), "mend the config file")]
    if not section:
        return [ok("MCP servers", "none are configured")]
    return [_one(f"MCP server {name}", server, environ, online=online) for name, server in section.items()]


def _one(name: str, server: Any, environ: Mapping[str, str], *, online: bool) -> Finding:
    if not isinstance(server, dict):
        return fail(name, "is no object", 'write {"command": "...", "args": [...]} or {"url": "https://..."}')
    command, url = server.get("command"), server.get("url")
    if isinstance(command, str) and command:
        program = shutil.which(command, path=environ.get("PATH", ""))
        if program is None:
            return fail(name, f"the command {command!r} is not on the PATH", "install it, or give its whole path")
        return ok(name, f"runs {program}")
    if not isinstance(url, str) or not url:
        return fail(name, "has neither a command nor a url", 'give it a "command" to run or a "url" to connect to')
    return _asked(name, url) if online else ok(name, "is reached by its url, which was not asked (--online does)")


def _asked(name: str, url: str) -> Finding:
    """Any HTTP answer is one: what it says to a request that is no MCP does not matter."""
    try:
        answer = httpx.get(url, timeout=ASK_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return fail(name, f"does not answer: {type(error).__name__}", "start it, or mend its url")
    if answer.status_code in (401, 403):
        return warn(name, f"answers {answer.status_code}", "see that its credentials are in the config's headers")
    return ok(name, f"answers {answer.status_code}")
