"""Tool interfaces: what the router calls, and the base class of tools whose arguments are a msgspec Struct."""

import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import msgspec

from agent.models.types import ModelReply, ModelRequest, ModelUsage, Sink
from agent.policy.effects import EffectKind, Effects
from protocol.content import FileChange, PlanItem, QuestionAction, QuestionField, Step

log = logging.getLogger("holdfast.tools")

ToolLog = Callable[[str], Awaitable[None]]
QuestionKind = Literal["form", "link", "model"]


class ToolResult(msgspec.Struct, frozen=True):
    """The result of a call. `truncated`: `output` is incomplete. `plan`: the session's new plan.

    `cost_usd`: what the call cost, in US dollars; None: the estimate in the call's effects counts.
    `outcome_unknown`: the call may have been done, and its result cannot be had; `output` says why.
    """

    output: str
    success: bool
    truncated: bool = False
    plan: tuple[PlanItem, ...] | None = None
    changes: tuple[FileChange, ...] = ()
    cost_usd: float | None = None
    outcome_unknown: bool = False


class Tool(Protocol):
    """Something a model can call.

    `prepare` is called while a session decides: it answers at once, without I/O.
    """

    name: str
    description: str
    side_effects: str | None
    """What undo does not revert, such as "files written"; None if nothing."""

    @property
    def parameters(self) -> dict[str, object]:
        """JSON Schema of the arguments, an object."""

    def prepare(self, arguments: dict[str, object]) -> "PreparedCall | str":
        """The decoded call and its effects; or what is wrong with the arguments, and where."""

    async def execute(self, arguments: Any, log: ToolLog) -> ToolResult:
        """Run a call. `arguments`: those of a PreparedCall of this tool. `log`: takes output while the call runs.

        Raises ToolError, whose message the model gets; other exceptions are reported as faults of the tool. When it is
        cancelled it stops.
        """


class PreparedCall(msgspec.Struct, frozen=True):
    """A call with valid arguments. Made once at each step: when the model makes the call, when a person answers, when it runs.

    `arguments`: in the form that the tool's `execute` takes. `effects`: what the call would do, as of now.
    """

    tool: Tool
    arguments: Any
    effects: Effects


UNKNOWN_EFFECTS: frozenset[EffectKind] = frozenset({"external"})
"""The effects of a call whose tool could not say what it would do."""

A = TypeVar("A", bound=msgspec.Struct)


class StructTool(Generic[A]):
    """A Tool whose arguments are the Struct `arguments`: its fields, types and `Meta` give both schema and validation.

    Numbers and booleans are also accepted as strings, and integers as whole floats: some models write them so.
    """

    __slots__ = ()

    name: str
    description: str
    arguments: type[A]
    side_effects: str | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """JSON Schema of the arguments."""
        return parameters_of(self.arguments)

    def normalize(self, arguments: A) -> A:
        """The arguments in the form in which they are checked and used."""
        return arguments

    def validate(self, arguments: A) -> str | None:
        """What is wrong with arguments whose types are right, and where (`... - at `$.path``); None if nothing is."""
        return None

    def effects(self, arguments: A) -> Effects:
        """What the call would do. By default: nothing outside the workspace."""
        return Effects()

    async def execute(self, arguments: A, log: ToolLog) -> ToolResult:
        """Run the call. Raises ToolError with a message for the model."""
        raise NotImplementedError

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        try:
            typed = self.normalize(msgspec.convert(arguments, self.arguments, strict=False))
        except msgspec.ValidationError as error:
            return str(error)
        complaint = self.validate(typed)
        return PreparedCall(self, typed, self._effects_or_unknown(typed)) if complaint is None else complaint

    def _effects_or_unknown(self, arguments: A) -> Effects:
        """The result of `effects`. If that raises, the effects are unknown, so a person is asked."""
        try:
            return self.effects(arguments)
        except Exception:  # a fault of the tool must not end the decision
            log.exception("tool %s failed to determine the effects of a call", self.name)
            return Effects(f"the effects of {self.name} could not be determined", UNKNOWN_EFFECTS)


@functools.cache
def parameters_of(arguments: type[msgspec.Struct]) -> dict[str, object]:
    """The Struct's JSON Schema in the form that every provider accepts: without `$ref`, and with `type` beside `enum`.

    Made when it is first asked for: those of all tools take 10 ms, and a start needs none. Raises ValueError for a Struct that contains itself.
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
            raise ValueError(f"{name} contains itself: providers accept no recursive schema")
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


class UserAnswer(msgspec.Struct, frozen=True):
    """The user's answer to a question of a call. `content`: the values of its fields, if they accepted."""

    action: QuestionAction
    content: Mapping[str, Any] = {}


DECLINED = UserAnswer("decline")


class CallAsker(Protocol):
    """What one running call may ask of its session: of the user, and of the model."""

    async def ask_user(
        self, asker: str, kind: QuestionKind, message: str, fields: Sequence[QuestionField] = (), url: str = ""
    ) -> UserAnswer:
        """The user's answer. Cancelled, the question is withdrawn."""

    async def ask_model(self, messages: list[dict[str, object]], max_output_tokens: int) -> tuple[str, str, str]:
        """The text of the session's model, the reason why it ended, and the model's name. Raises ModelError."""


CALL_ASKER: ContextVar[CallAsker | None] = ContextVar("holdfast_call_asker", default=None)
"""The asker of the call that runs in this task; None for calls that nobody is behind, such as those of a sub-agent."""


class SessionTools(Protocol):
    """The session's tools; ToolRouter implements it."""

    def specs(self) -> list[dict[str, object]]:
        """The tools as OpenAI function specs."""

    def prepare(self, name: str, arguments: dict[str, object]) -> PreparedCall | str:
        """The decoded call and its effects; or an error message for the model."""

    def side_effects(self, name: str) -> str | None:
        """What undo does not revert; None if nothing."""

    async def execute(self, call: PreparedCall, log: ToolLog) -> ToolResult:
        """Run a call. A failure is a result with `success=False`."""


class SubagentContext(msgspec.Struct, frozen=True):
    """What a sub-agent may use while one call runs. `model`: the session's when the call began.

    `grants` and `denials` give what the session allows and refuses now. `call_model` raises ModelError. `report_step` shows a tool call of the sub-agent: when it begins, and again with the
    same id when it ends. `report_usage` accounts a model call of the sub-agent.
    """

    model: str
    grants: Callable[[], Collection[str]]
    denials: Callable[[], Collection[str]]
    tools: SessionTools
    call_model: Callable[[ModelRequest, Sink], Awaitable[ModelReply]]
    report_step: Callable[[Step], None]
    report_usage: Callable[[ModelUsage], None]


@runtime_checkable
class SubagentTool(Protocol):
    """A tool that is a sub-agent: the router calls `delegate` in place of `execute`."""

    async def delegate(self, arguments: Any, log: ToolLog, context: SubagentContext) -> ToolResult:
        """Run a call, as `Tool.execute` does, with what `context` offers."""
