"""What a tool is: the protocol the router speaks, and the base for tools whose arguments are a Struct."""

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from agent.models.types import ModelReply, ModelRequest, ModelUsage, Sink
from agent.policy.effects import Effects
from protocol.content import PlanItem, Step

ToolLog = Callable[[str], Awaitable[None]]


class ToolResult(msgspec.Struct, frozen=True):
    """What a call came to. `truncated`: `output` is not all there was. `plan`: the session's plan from now on.

    `cost_usd`: what the call cost; None: the tool does not know better than it estimated before.
    """

    output: str
    success: bool
    truncated: bool = False
    plan: tuple[PlanItem, ...] | None = None
    cost_usd: float | None = None


class Tool(Protocol):
    """Something a model can call.

    `check`, `effects` and `side_effects` are asked while a session decides: they answer at once, without I/O.
    """

    name: str
    description: str
    parameters: dict[str, object]
    """JSON Schema of the arguments, an object."""
    side_effects: str | None
    """What undo cannot take back, such as "files written"."""

    def check(self, arguments: dict[str, object]) -> str | None:
        """What is wrong with the arguments, and where; None if they fit."""

    def effects(self, arguments: dict[str, object]) -> Effects:
        """What the call would do; the policy judges by it whether it runs freely."""

    async def run(self, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        """Do it. May raise; cancelled, it stops."""


A = TypeVar("A", bound=msgspec.Struct)


class StructTool(Generic[A]):
    """A Tool whose arguments are the Struct `arguments`: its fields, types and `Meta` make both schema and validation.

    Numbers and booleans are taken from strings and whole floats too: some models write them so.
    """

    name: str
    description: str
    arguments: type[A]
    parameters: dict[str, object]
    side_effects: str | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "arguments" in cls.__dict__:
            cls.parameters = parameters_of(cls.arguments)

    async def call(self, arguments: A, log: ToolLog) -> ToolResult:
        """Do it, with arguments that fit."""
        raise NotImplementedError

    def fault(self, arguments: A) -> str | None:
        """What is wrong beyond the types, and where (`... - at `$.path``); None if nothing is."""
        return None

    def does(self, arguments: A) -> Effects:
        """What the call would do; nothing outside of the workspace, unless it says so."""
        return Effects()

    def check(self, arguments: dict[str, object]) -> str | None:
        try:
            return self.fault(self._typed(arguments))
        except msgspec.ValidationError as error:
            return str(error)

    def effects(self, arguments: dict[str, object]) -> Effects:
        return self.does(self._typed(arguments))

    async def run(self, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        return await self.call(self._typed(arguments), log)

    def _typed(self, arguments: dict[str, object]) -> A:
        return msgspec.convert(arguments, self.arguments, strict=False)


def parameters_of(arguments: type[msgspec.Struct]) -> dict[str, object]:
    """The Struct's JSON Schema as every provider takes it: without references, with a type for each choice.

    Raises ValueError for a Struct that contains itself.
    """
    (root,), components = msgspec.json.schema_components([arguments])
    schema = _inline(root, components, ())
    assert isinstance(schema, dict)
    schema.pop("description", None)
    if not schema.get("required"):
        schema.pop("required", None)
    return schema


def _inline(node: object, components: dict[str, dict[str, object]], above: tuple[str, ...]) -> object:
    if isinstance(node, list):
        return [_inline(item, components, above) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        name = reference.rsplit("/", 1)[-1]
        if name in above:
            raise ValueError(f"{name} contains itself: such arguments cannot be told to every model")
        beside = {key: value for key, value in node.items() if key != "$ref"}
        target = _inline({**components[name], **beside}, components, (*above, name))
        assert isinstance(target, dict)
        target.pop("title", None)
        return target
    written = {key: _inline(value, components, above) for key, value in node.items()}
    choices = written.get("enum")
    if isinstance(choices, list) and all(isinstance(choice, str) for choice in choices):
        written.setdefault("type", "string")
    return written


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
