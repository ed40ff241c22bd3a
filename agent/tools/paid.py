"""What a sandbox costs, told of every tool that uses it: before, so that the policy asks, and after, as it was."""

import msgspec

from agent.policy.effects import Effects
from agent.sandbox.remote.sandbox import RemoteSandbox
from agent.tools.base import Tool, ToolLog, ToolResult
from agent.tools.router import Closing


class PaidTool:
    """A tool whose calls use a sandbox elsewhere."""

    def __init__(self, tool: Tool, sandbox: RemoteSandbox) -> None:
        self.name = tool.name
        self.description = tool.description
        self.parameters = tool.parameters
        self.side_effects = tool.side_effects
        self._tool = tool
        self._sandbox = sandbox

    def check(self, arguments: dict[str, object]) -> str | None:
        """As the tool."""
        return self._tool.check(arguments)

    def effects(self, arguments: dict[str, object]) -> Effects:
        """As the tool, and what it costs if it is the first to use paid hardware."""
        return together(self._tool.effects(arguments), self._sandbox.spends())

    async def run(self, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        """As the tool, with what the sandbox cost since the last call."""
        self._sandbox.agree()
        result = await self._tool.run(arguments, log)
        cost = self._sandbox.take_cost()
        return msgspec.structs.replace(result, cost_usd=cost) if cost else result

    async def aclose(self) -> None:
        """As the tool."""
        if isinstance(self._tool, Closing):
            await self._tool.aclose()


def together(one: Effects, more: Effects) -> Effects:
    """Both."""
    if not more.kinds:
        return one
    costs = (one.cost_usd, more.cost_usd)
    return Effects(
        says="; ".join(filter(None, (one.says, more.says))),
        kinds=one.kinds | more.kinds,
        operation=one.operation,
        cost_usd=None if None in costs else sum(cost for cost in costs if cost),
    )
