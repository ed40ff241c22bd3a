"""What a tool is: the protocol the router speaks, and the base for tools whose arguments are a Struct."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from agent.models.types import ModelReply, ModelRequest, ModelUsage, Sink
from agent.policy.effects import EffectKind, Effects
from protocol.content import PlanItem, Step

log = logging.getLogger("holdfast.tools")

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

    `prepare` is called while a session decides: it answers at once, without I/O.
    """

    name: str
    description: str
    parameters: dict[str, object]
    """JSON Schema of the arguments, an object."""
    side_effects: str | None
    """What undo cannot take back, such as "files written"."""

    def prepare(self, arguments: dict[str, object]) -> "PreparedCall | str":
        """The call, ready to be judged and run; or what is wrong with the arguments, and where."""

    async def execute(self, arguments: Any, log: ToolLog) -> ToolResult:
        """Run a call. `arguments`: those of a PreparedCall of this tool.

        Raises `ToolError` with a message for the model; may raise anything else. Cancelled, it stops.
        """


class PreparedCall(msgspec.Struct, frozen=True):
    """A call whose arguments fit its tool. Made once at each step: when it is called, when it is answered, when it runs.

    `arguments`: as the tool's `execute` takes them. `effects`: what the call would do, judged now.
    """

    tool: Tool
    arguments: Any
    effects: Effects


UNKNOWN_EFFECTS: frozenset[EffectKind] = frozenset({"external"})
"""The effects of a call whose tool could not say what it would do."""

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

    def validate(self, arguments: A) -> str | None:
        """What is wrong beyond the types, and where (`... - at `$.path``); None if nothing is."""
        return None

    def effects(self, arguments: A) -> Effects:
        """What the call would do; nothing outside of the workspace, unless it says so."""
        return Effects()

    async def execute(self, arguments: A, log: ToolLog) -> ToolResult:
        """Run the call, with arguments that fit. Raises `ToolError` with a message for the model."""
        raise NotImplementedError

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        try:
            typed = msgspec.convert(arguments, self.arguments, strict=False)
        except msgspec.ValidationError as error:
            return str(error)
        complaint = self.validate(typed)
        return PreparedCall(self, typed, self._effects_or_unknown(typed)) if complaint is None else complaint

    def _effects_or_unknown(self, arguments: A) -> Effects:
        """As `effects`. If that fails, the effects are unknown, so that a person is asked."""
        try:
            return self.effects(arguments)
        except Exception:  # a fault of the tool must not end the decision
            log.exception("tool %s failed to say what a call would do", self.name)
            return Effects(f"what {self.name} would do could not be told", UNKNOWN_EFFECTS)


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

    def prepare(self, name: str, arguments: dict[str, object]) -> PreparedCall | str:
        """A call, ready to be judged and executed; or a complaint for the model."""

    def side_effects(self, name: str) -> str | None:
        """What undo cannot take back."""

    async def execute(self, call: PreparedCall, log: ToolLog) -> ToolResult:
        """Execute a call; whatever fails is a result."""


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
    """A tool that works at a desk. Its `execute` is never called."""

    async def delegate(self, arguments: Any, log: ToolLog, desk: Desk) -> ToolResult:
        """As `Tool.execute`."""
