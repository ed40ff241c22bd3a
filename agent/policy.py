"""The mind's caution: whether a call runs, is asked for or is refused, by rules that are data. Pure."""

import fnmatch
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agent.tools.effects import EffectKind, Effects

Action = Literal["allow", "ask", "deny"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with the calls that match all of its fields. Raises ValueError for what is no regular expression."""

    action: Annotated[Action, Meta(description="What happens to such a call.")]
    tool: Annotated[str, Meta(description="Name of the tool; `*` and `?` as in file names.")] = "*"
    operation: Annotated[str, Meta(description="Operation of the tool, such as `run` of `hf_jobs`; likewise.")] = "*"
    effect: Annotated[EffectKind | None, Meta(description="Only calls with this effect.")] = None
    arguments: Annotated[
        dict[str, str],
        Meta(description="Regular expressions by name of an argument; each must be found in the argument, as text."),
    ] = {}
    reason: Annotated[str, Meta(description="Said to who is asked, and to the model that is refused.")] = ""

    def __post_init__(self) -> None:
        for name, pattern in self.arguments.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"arguments: {name}: {pattern!r} is no regular expression: {error}") from None

    def matches(self, tool: str, arguments: Mapping[str, Any], effects: Effects) -> bool:
        """Whether the rule is about this call."""
        return (
            fnmatch.fnmatchcase(tool, self.tool)
            and fnmatch.fnmatchcase(effects.operation, self.operation)
            and (self.effect is None or self.effect in effects.kinds)
            and all(re.search(found, _text(arguments.get(name))) for name, found in self.arguments.items())
        )


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rules in order: the first that matches decides. Where none does, a call with effects outside is asked for."""

    rules: tuple[Rule, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What happens to a call, and why."""

    action: Action
    reason: str = ""


def judge(policy: Policy, tool: str, arguments: Mapping[str, Any], effects: Effects) -> Verdict:
    """What happens to a call whose arguments fit the tool."""
    for rule in policy.rules:
        if rule.matches(tool, arguments, effects):
            return Verdict(rule.action, rule.reason or effects.says or f"{tool} is to be asked for")
    if effects.kinds:
        return Verdict("ask", effects.says or f"{tool} reaches beyond the session's workspace")
    return Verdict("allow")


def _text(value: Any) -> str:
    """An argument as a rule sees it; one that is missing is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
