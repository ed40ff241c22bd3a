"""MCP tool: makes one tool of an MCP server a tool of the router."""

from agent.policy.effects import EffectKind, Effects
from agent.tools.base import PreparedCall, ToolLog, ToolResult
from agent.tools.mcp.connection import McpConnection
from agent.tools.mcp.listing import ListedTool
from agent.tools.mcp.results import ResultReader
from agent.tools.mcp.schemas.defaults import with_defaults


class McpTool:
    """A tool of a server. `name`: the name that models see. `user_id`: the owner of the session. `offered`: models are given it."""

    def __init__(
        self,
        name: str,
        listed: ListedTool,
        connection: McpConnection,
        user_id: str,
        reader: ResultReader,
        *,
        offered: bool = True,
    ) -> None:
        self.name = name
        self.offered = offered
        self.server = connection.name
        self.description = listed.description
        self.parameters = listed.parameters
        self._listed = listed
        self._connection = connection
        self._user_id = user_id
        self._reader = reader
        self._reads_only = connection.entry.trusted and listed.reads_only
        self.side_effects: str | None = None
        if not self._reads_only:
            self.side_effects = f"what the MCP server {connection.name} did"

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        whole = with_defaults(self.parameters, arguments)
        return self._listed.validator.validate(whole) or PreparedCall(self, whole, self._effects())

    def _effects(self) -> Effects:
        """The operation is the server's name: a grant for the session covers the tool of this server only, as it is defined now."""
        server, definition = self._connection.name, self._listed.definition
        says = f"calls {self._listed.name} of the MCP server {server}"
        if self._reads_only:
            return Effects(f"{says}, which only reads", operation=server, definition=definition)
        kinds: set[EffectKind] = {"external"}
        if self._listed.deletes:
            kinds.add("delete")
            says = f"{says}, which may delete or overwrite"
        return Effects(says, frozenset(kinds), server, definition=definition)

    async def execute(self, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        answer = await self._connection.calls.call(self._listed.name, arguments, self._user_id, log)
        return await self._reader.read(answer)
