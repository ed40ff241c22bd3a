"""Session library: what the session's MCP servers offer to its users, and the text of a prompt or a resource."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from agent.redaction import Redactor, redact_in_slices
from agent.tools.mcp.calls import CallFailed
from agent.tools.mcp.connection import McpConnection
from agent.tools.mcp.library import URI_CHARS_MAX, PromptArgument, ServerLibrary, filled_in, fits, list_library
from agent.tools.mcp.results import ResultReader
from agent.util.text import repair_surrogates

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import GetPromptResult, ReadResourceResult

REQUEST_TIMEOUT_S: Final = 10.0
"""How long a server may take for a list, a prompt or a resource. A page waits 15 seconds."""


class NotOffered(LookupError):
    """The server does not offer this now. The message is for users."""


class SessionLibrary:
    """The prompts and resources of one session's servers. `reader`: saves files in its workspace."""

    def __init__(
        self, servers: Sequence[McpConnection], user_id: str, reader: ResultReader, redactor: Redactor
    ) -> None:
        self._servers = {one.name: one for one in servers}
        self._user_id = user_id
        self._reader = reader
        self._redactor = redactor

    async def listed(self) -> list[ServerLibrary]:
        """What each server offers, the shared ones first; of one that is not up, the reason."""
        return list(await asyncio.gather(*map(self._of, self._servers.values())))

    async def prompt(self, server: str, name: str, arguments: Mapping[str, str]) -> str:
        """The text of a prompt that is listed. Raises NotOffered, CallFailed."""
        connection = self._connection(server)
        prompt = next((one for one in (await self._of(connection)).prompts if one.name == name), None)
        if prompt is None:
            raise NotOffered(f"the MCP server {server} has no prompt {name[:100]!r} now")
        _check(prompt.arguments, arguments, f"the prompt {name}")

        async def ask(client: "Client") -> "GetPromptResult":
            return await client.get_prompt(name, dict(arguments))

        made = await connection.calls.request("prompt", ask, self._user_id, REQUEST_TIMEOUT_S)
        several = len({message.role for message in made.messages}) > 1
        texts = [await self._reader.text_of([message.content]) for message in made.messages]
        if several:  # an example of a conversation: who says what matters
            texts = [f"{message.role}: {text}" for message, text in zip(made.messages, texts, strict=True)]
        return await self._clean("\n\n".join(texts))

    async def resource(
        self,
        server: str,
        uri: str,
        arguments: Mapping[str, str] | None = None,
        within_s: float = REQUEST_TIMEOUT_S,
    ) -> str:
        """The text of a resource that is listed, or of which a template is, saved as a file too. Raises NotOffered, CallFailed.

        `uri`: the resource's, or the text of a template, which the `arguments` fill in.
        """
        connection = self._connection(server)
        offered = await self._of(connection)
        template = next((one for one in offered.templates if one.uri_template == uri), None)
        if template is not None:
            _check(template.arguments, arguments or {}, "the template")
            uri = filled_in(template, arguments or {})
        elif arguments or not _has(offered, uri):
            raise NotOffered(f"the MCP server {server} has no resource {uri[:200]!r} now")
        if len(uri) > URI_CHARS_MAX:
            raise CallFailed(f"the address of the resource has more than {URI_CHARS_MAX} characters")

        async def ask(client: "Client") -> "ReadResourceResult":
            return await client.read_resource(uri)

        read = await connection.calls.request("resource", ask, self._user_id, within_s)
        return await self._clean(await self._reader.text_of([_Block(one) for one in read.contents]))

    def _connection(self, server: str) -> McpConnection:
        if server not in self._servers:
            raise NotOffered(f"there is no MCP server {server[:100]!r}")
        return self._servers[server]

    async def _of(self, one: McpConnection) -> ServerLibrary:
        async def ask() -> ServerLibrary:
            async def list_all(client: "Client") -> ServerLibrary:
                return await list_library(one.name, client)

            try:
                return await one.calls.request("library", list_all, self._user_id, REQUEST_TIMEOUT_S)
            except CallFailed as error:
                return ServerLibrary(one.name, reason=str(error))

        if one.state != "up":
            return ServerLibrary(one.name, reason=one.reason)
        return await one.library.get(one.version, ask)

    async def _clean(self, text: str) -> str:
        return await redact_in_slices(self._redactor, repair_surrogates(text))


def _has(offered: ServerLibrary, uri: str) -> bool:
    """Whether the server offers the resource: by itself, or by a template."""
    return any(one.uri == uri for one in offered.resources) or any(fits(one, uri) for one in offered.templates)


def _check(takes: Sequence[PromptArgument], given: Mapping[str, str], what: str) -> None:
    """Raise CallFailed if a required argument is missing, or one is not known."""
    missing = [one.name for one in takes if one.required and not given.get(one.name)]
    unknown = sorted(set(given) - {one.name for one in takes})
    if missing or unknown:
        wrong = f"needs {', '.join(missing)}" if missing else f"does not take {', '.join(unknown)[:300]}"
        raise CallFailed(f"{what} {wrong}")


class _Block:
    """The content of a resource, as a block of a result."""

    type = "resource"

    def __init__(self, resource: Any) -> None:
        self.resource = resource
