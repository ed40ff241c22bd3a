"""Resource tool: lists the resources of the session's MCP servers for the model, and reads one."""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.policy.effects import Effects
from agent.tools.base import PreparedCall, ToolLog, ToolResult
from agent.tools.mcp.connection import McpConnection
from agent.tools.mcp.library import URI_CHARS_MAX, ServerLibrary
from agent.tools.mcp.session_library import NotOffered, SessionLibrary

READ_RESOURCE: Final = "read_resource"

_TEXT = {"type": "string"}


class ReadResource:
    """Reads a resource of a server. `servers`: those that have resources, at least one.

    It asks as a tool of the server would that is said to read only: a resource of a trusted server is read without a question, and
    no server is asked for anything but its list before.
    """

    name = READ_RESOURCE
    side_effects: str | None = None

    def __init__(self, servers: Sequence[McpConnection], library: SessionLibrary) -> None:
        self._servers = {one.name: one for one in servers}
        self._library = library
        named = ", ".join(self._servers)
        self.description = (
            f"Read a resource of an MCP server, or list the resources. Servers with resources: {named}. Without `uri` it lists "
            "their resources, and the templates of URIs that may be filled in. What is read is also saved as a file of the "
            "workspace."
        )
        self.parameters: dict[str, object] = {
            "type": "object",
            "properties": {
                "server": {**_TEXT, "description": "The server's name; may be left out if only one has resources."},
                "uri": {**_TEXT, "description": "The resource's URI, as it is listed or made from a template."},
            },
            "additionalProperties": False,
        }

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        given = {name: value for name, value in arguments.items() if value not in (None, "")}
        unknown = sorted(set(given) - {"server", "uri"})
        if unknown:
            return f"there is no argument `{unknown[0][:64]}` - at `$`"
        for name, value in given.items():
            if not isinstance(value, str) or len(value) > URI_CHARS_MAX:
                return f"`{name}` must be text of at most {URI_CHARS_MAX} characters - at `$.{name}`"
        server = given.get("server")
        if server is not None and server not in self._servers:
            return (
                f"no server {str(server)[:64]!r} has resources; these have: {', '.join(self._servers)} - at `$.server`"
            )
        if "uri" not in given:
            return PreparedCall(self, given, Effects("lists the resources of MCP servers"))
        if server is None and len(self._servers) > 1:
            return f"`server` is missing; these have resources: {', '.join(self._servers)} - at `$`"
        return self._reading(str(server or next(iter(self._servers))), str(given["uri"]))

    def _reading(self, server: str, uri: str) -> PreparedCall:
        says = f"reads {uri} of the MCP server {server}"
        trusted = self._servers[server].entry.trusted
        effects = Effects(says, frozenset() if trusted else frozenset({"external"}), server)
        return PreparedCall(self, {"server": server, "uri": uri}, effects)

    async def execute(self, arguments: Mapping[str, str], log: ToolLog) -> ToolResult:
        server, uri = arguments.get("server", ""), arguments.get("uri", "")
        if not uri:
            asked = [server] if server else list(self._servers)
            offered = [one for one in await self._library.listed() if one.server in asked]
            return ToolResult(output="\n\n".join(map(_listed, offered)), success=True)
        try:
            within_s = self._servers[server].entry.call_timeout_s
            text = await self._library.resource(server, uri, within_s=within_s)
        except NotOffered as error:
            return ToolResult(output=f"{error}; without `uri` this tool lists what there is", success=False)
        return ToolResult(output=text or "[it is empty]", success=True)


def _listed(offered: ServerLibrary) -> str:
    """What a server offers, a resource in each line."""
    lines = [f"Resources of {offered.server}:"]
    lines += [_line(one.uri, one.title, one.mime_type, one.description) for one in offered.resources]
    if offered.templates:
        lines.append("Templates, in which {name} stands for a value:")
        lines += [_line(one.uri_template, one.title, one.mime_type, one.description) for one in offered.templates]
    return "\n".join([*lines, *([f"({offered.reason})"] if offered.reason else [])])


def _line(uri: str, *about: str) -> str:
    words = " ".join("; ".join(one for one in about if one and one != uri).split())
    return f"- {uri} ({words})" if words else f"- {uri}"
