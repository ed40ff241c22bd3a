"""What a tool is given that is an agent itself: a model to ask, the session's tools to use, and somewhere to say so."""

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

import msgspec

from agent.models.types import ModelReply, ModelRequest, ModelUsage, Sink
from agent.policy.effects import Effects
from agent.tools.base import ToolLog, ToolResult
from protocol.content import Step


class OthersTools(Protocol):
    """The session's tools, as the ToolRouter has them."""

    def specs(self) -> list[dict[str, object]]:
        """As OpenAI function specs."""

    def check(self, name: str, arguments: dict[str, object]) -> str | None:
        """A complaint for the model, or None."""

    def effects(self, name: str, arguments: dict[str, object]) -> Effects:
        """What a call would do."""

    def side_effects(self, name: str) -> str | None:
        """What undo cannot take back."""

    async def run(self, name: str, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        """Run a call; whatever fails is a result."""


class Desk(msgspec.Struct, frozen=True):
    """One call's desk. `model`, `grants`: the session's when the call began. `ask` raises ModelError.

    `step` tells of a call that the tool made: begun, and under the same id done. `spent`: of a model call that it made.
    """

    model: str
    grants: tuple[str, ...]
    tools: OthersTools
    ask: Callable[[ModelRequest, Sink], Awaitable[ModelReply]]
    step: Callable[[Step], None]
    spent: Callable[[ModelUsage], None]


@runtime_checkable
class Delegating(Protocol):
    """A tool that works at a desk. Its `run` is never called."""

    async def delegate(self, arguments: dict[str, object], log: ToolLog, desk: Desk) -> ToolResult:
        """Do it. May raise; cancelled, it stops."""
