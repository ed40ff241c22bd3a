"""Approval policy: evaluates rules to decide whether a tool call runs, needs an approval, or is refused. Pure.

The rules are the operator's: they come from the server's settings alone. No tool and no submission changes them; what a
user can add is a grant, which a pending call names and which lifts nothing but the need for an approval.
"""

import fnmatch
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agent.policy.effects import EffectKind, Effects

Action = Literal["allow", "ask", "deny"]


class PolicyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with the calls that match all of its fields. Raises ValueError for an invalid regular expression."""

    action: Annotated[Action, Meta(description="What happens to such a call.")]
    tool: Annotated[str, Meta(description="Name of the tool; `*` and `?` as in file names.")] = "*"
    operation: Annotated[str, Meta(description="Operation of the tool, such as `run` of `hf_jobs`; likewise.")] = "*"
    effect: Annotated[EffectKind | None, Meta(description="Only calls with this effect.")] = None
    arguments: Annotated[
        dict[str, str],
        Meta(
            description="Regular expressions by name of an argument; each must match somewhere in the argument's text."
        ),
    ] = {}
    reason: Annotated[str, Meta(description="The reason that the user sees, and the model if the call is refused.")] = (
        ""
    )
    for_session: Annotated[
        bool, Meta(description="Whether an approval may allow such calls for the rest of the session.")
    ] = True

    def __post_init__(self) -> None:
        for name, pattern in self.arguments.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"arguments: {name}: {pattern!r} is no regular expression: {error}") from None

    def matches(self, tool: str, arguments: Mapping[str, Any], effects: Effects) -> bool:
        """Whether all of the rule's fields match this call."""
        return (
            fnmatch.fnmatchcase(tool, self.tool)
            and fnmatch.fnmatchcase(effects.operation, self.operation)
            and (self.effect is None or self.effect in effects.kinds)
            and all(re.search(pattern, _text(arguments.get(name))) for name, pattern in self.arguments.items())
        )


def _word(name: str) -> str:
    """A regular expression for a command of this name anywhere in a command line, also after a path or a pipe."""
    return rf"(?<![\w.-]){name}(?![\w.-])"


DELETING_COMMANDS = {
    _word("(rm|shred)"): "the command deletes files, or empties them",
    _word("git")
    + r"[^;&|\n]{0,200}\spush(?!\S)[^;&|\n]{0,200}\s(-f|--force\S*|-d|--delete|--mirror|\+\S+|:\S+)(?!\S)": (
        "the command replaces or deletes what others have"
    ),
    _word("(mkfs|wipefs|blkdiscard)") + r"|(?<![\w.-])mkfs\.\w|(?<!\S)of=/dev/": "the command wipes a disk",
}
"""Regular expressions for commands that may do what `restore` does not take back, and the reason shown. No list of words finds
all that deletes: inside the workspace a snapshot brings it back. They help the person who approves; the sandbox is the boundary."""

DEFAULT_RULES = tuple(
    PolicyRule(action="ask", tool="bash", arguments={"command": pattern}, reason=reason, for_session=False)
    for pattern, reason in DELETING_COMMANDS.items()
)
"""The rules that come with the server. They are evaluated after the operator's own."""


NOTES_PATH = re.compile(r"[./]*agents\.md[/]*", re.IGNORECASE)
"""Spellings of the path of AGENTS.md in the workspace, in a file system that tells cases apart or not."""

NOTES_WRITERS = {"write": "path", "edit": "path", "web_fetch": "save_as"}
"""The tools that write a file of a given name, with the argument that names it."""

NOTES_REASON = "the model gets AGENTS.md with each of its requests, also those for others and in later turns"


def writes_notes(tool: str, arguments: Mapping[str, Any]) -> bool:
    """Whether this call writes the project's notes, AGENTS.md. A command that does so is not known by this."""
    path = arguments.get(NOTES_WRITERS.get(tool, ""))
    return isinstance(path, str) and NOTES_PATH.fullmatch(path) is not None


BUILT_IN_MODES = ("default", "ask", "read-only", "accept-edits")
"""`default`: the rules as they are. `ask`: each call that changes something asks, unless it is allowed for the session.
`read-only`: such calls are refused. `accept-edits`: as `ask`, but `write` and `edit` are as the rules say."""

HOLDING = ("ask", "read-only", "accept-edits")
EDITS = ("write", "edit")
READING: frozenset[EffectKind] = frozenset({"network"})


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rules in order: the first that matches decides. Where none does, a call with effects needs an approval.

    `defaults` come after `rules`. `yolo_mode`: what would need an approval runs. `spending_limit_usd`: US dollars that a
    session may spend without an approval; 0: any sum. `modes`: those that the operator names, by name: rules that come before all others.
    """

    rules: tuple[PolicyRule, ...] = ()
    defaults: tuple[PolicyRule, ...] = DEFAULT_RULES
    yolo_mode: bool = False
    spending_limit_usd: float = 0.0
    modes: Mapping[str, tuple[PolicyRule, ...]] = {}

    @property
    def mode_names(self) -> tuple[str, ...]:
        """The modes that a session may have."""
        return (*BUILT_IN_MODES, *self.modes)


class Spent(msgspec.Struct, frozen=True):
    """What a session has spent, with the estimates of running calls. `unknown`: some costs are not known."""

    usd: float = 0.0
    unknown: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What happens to a call, and why. `grant`: what an approval could allow for the session; None if nothing."""

    action: Action
    reason: str = ""
    grant: str | None = None


DEFINITION = "@sha256:"
"""Stands in a grant between a tool and the definition that was shown."""

CHANGED = "the tool changed since it was allowed for this session"


def evaluate(
    policy: Policy,
    tool: str,
    arguments: Mapping[str, Any],
    effects: Effects,
    grants: Collection[str] = (),
    spent: Spent = Spent(),  # noqa: B008  # it is frozen
    *,
    denials: Collection[str] = (),
    mode: str = "default",
    changes: bool = False,
) -> Verdict:
    """Evaluate the policy for a call whose arguments are valid, in a session with these grants and costs.

    `denials`: what the session refuses, by the same names as `grants`. `mode`: the session's; one that the policy does not have any
    more is as strict as `ask`. `changes`: whether calls of this tool may change something.
    """
    if effects.path:
        arguments = {**arguments, "path": effects.path}  # as it is used: an absolute path may name the same file
    rules = (*policy.modes.get(mode, ()), *policy.rules, *policy.defaults)
    rule = next((rule for rule in rules if rule.matches(tool, arguments, effects)), None)
    notes = writes_notes(tool, arguments)
    each_time = notes or bool(effects.each_time)
    why = (rule.reason if rule else "") or effects.description
    if each_time:
        why = f"{why}; {NOTES_REASON if notes else effects.each_time}"
    if rule is not None and rule.action == "deny":
        return Verdict("deny", why or f"{tool} is not allowed here")
    asks = (bool(effects.kinds) or each_time) if rule is None else rule.action == "ask"
    name = _grant(tool, effects, rule)
    if name is not None and name in denials:
        return Verdict("deny", "the user refused such calls for this session")
    held = mode in HOLDING or mode not in policy.mode_names
    held = held and _may_change(tool, arguments, effects, changes) and not (mode == "accept-edits" and tool in EDITS)
    if held and mode == "read-only":
        return Verdict("deny", "the session is in the mode read-only")
    grant = None if each_time else name
    if (held or (asks and not policy.yolo_mode)) and grant not in grants:
        why = why or f"{tool} needs an approval"
        return Verdict("ask", f"{CHANGED}: {why}" if grant and _had_other_definition(grant, grants) else why, grant)
    limit = _past_limit(policy, effects, spent, asks)
    if limit is not None:
        return Verdict("ask", f"{limit} ({why})" if why else limit)
    return Verdict("allow", why)


def _may_change(tool: str, arguments: Mapping[str, Any], effects: Effects, changes: bool) -> bool:
    """Whether this call may change something. A tool with operations says it of each by its effects."""
    if effects.kinds - READING or effects.cost_usd != 0:
        return True
    return bool(arguments.get("save_as")) or (changes and not effects.operation)


def _grant(tool: str, effects: Effects, rule: PolicyRule | None) -> str | None:
    """What an approval "for this session" would allow: the tool, or one of its operations. None for a call that deletes or
    whose cost is unknown."""
    if "delete" in effects.kinds or effects.cost_usd is None or (rule is not None and not rule.for_session):
        return None
    grant = f"{tool}:{effects.operation}" if effects.operation else tool
    return f"{grant}{DEFINITION}{effects.definition}" if effects.definition else grant


def _had_other_definition(grant: str, grants: Collection[str]) -> bool:
    """Whether there is a grant for this tool with another definition."""
    tool, separator, _ = grant.partition(DEFINITION)
    return bool(separator) and any(other == tool or other.startswith(tool + separator) for other in grants)


def _past_limit(policy: Policy, effects: Effects, spent: Spent, freed: bool) -> str | None:
    """Why a call that would run needs an approval because of its cost. `freed`: only yolo_mode or a grant allows it."""
    limit, cost = policy.spending_limit_usd, effects.cost_usd
    if cost is None:
        return "the cost of this call is not known" if freed or limit else None
    if not limit:
        return None
    spent_text = f"{'at least ' if spent.unknown else ''}{_usd(spent.usd)} spent"
    if cost > 0 and spent.usd + cost > limit:
        return f"it would pass the session's spending limit of {_usd(limit)}: {spent_text}, about {_usd(cost)} for this call"
    if policy.yolo_mode and spent.usd >= limit:
        return f"the session's spending limit of {_usd(limit)} is reached: {spent_text}, {_usd(cost)} for this call"
    return None


def _usd(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 0.01 or amount == 0 else f"${amount:.4f}"


def _text(value: Any) -> str:
    """An argument as text for a rule's regular expression; empty if it is missing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
