"""Paid tools: add the cost of a session's paid sandbox to the effects and results of the tools that use it."""

from typing import Any

import msgspec

from agent.policy.effects import Effects
from agent.sandbox.remote.sandbox import RemoteSandbox
from agent.tools.base import PreparedCall, Tool, ToolLog, ToolResult
from agent.util.errors import ToolError

WHERE = "in a remote sandbox, whose files cannot be restored"
"""What undo says of the effects of these tools."""


class PaidTool:
    """A tool whose calls use a remote sandbox."""

    def __init__(self, tool: Tool, sandbox: RemoteSandbox) -> None:
        self.name = tool.name
        self.description = tool.description
        self.parameters = tool.parameters
        self.side_effects = None if tool.side_effects is None else f"{tool.side_effects}, {WHERE}"
        self._tool = tool
        self._sandbox = sandbox

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        """As the tool does. The first call that uses paid hardware has the cost of that among its effects."""
        prepared = self._tool.prepare(arguments)
        if isinstance(prepared, str):
            return prepared
        return PreparedCall(self, prepared.arguments, combine_effects(prepared.effects, self._sandbox.spends()))

    async def execute(self, arguments: Any, log: ToolLog) -> ToolResult:
        """As the tool does. The result's cost is that of the sandbox since the last call."""
        self._sandbox.agree()
        try:
            result = await self._tool.execute(arguments, log)
        except ToolError as error:  # a failed call may have used the sandbox too
            result = ToolResult(output=str(error), success=False)
        cost = self._sandbox.take_cost()
        return msgspec.structs.replace(result, cost_usd=cost) if cost else result


def combine_effects(one: Effects, more: Effects) -> Effects:
    """The effects of both. The cost is unknown if one of the two is."""
    if not more.kinds:
        return one
    costs = (one.cost_usd, more.cost_usd)
    return Effects(
        description="; ".join(filter(None, (one.description, more.description))),
        kinds=one.kinds | more.kinds,
        operation=one.operation,
        cost_usd=None if None in costs else sum(cost for cost in costs if cost),
    )
