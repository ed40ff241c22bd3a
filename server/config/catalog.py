"""Settings catalog: each setting with its dotted key, type, unit, range, default and description, from the classes."""

import re
from typing import Any

import msgspec
from msgspec import inspect

from server.config.settings import Settings

UNITS = {
    "s": "seconds",
    "ms": "milliseconds",
    "bytes": "bytes",
    "chars": "code points",
    "tokens": "tokens",
    "events": "events",
    "fraction": "fraction",
    "sessions": "sessions",
}
"""Unit by a word of a setting's name; the last such word counts."""
UNITS_BY_KEY = {
    "server.port": "TCP port",
    "mcp.offered_max": "tools",
    "auth.failures_per_minute": "failures a minute",
    "users.stored_sessions_max": "sessions",
    "users.sockets_max": "sockets",
    "users.submissions_per_minute": "submissions a minute",
    "users.tokens_per_day": "tokens a day",
    "policy.spending_limit_usd": "US dollars",
    "users.cost_usd_per_day": "US dollars a day",
    "sessions.awake_max": "sessions",
    "sessions.awake_max_per_user": "sessions",
    "sessions.delete_after_days": "days",
    "socket.frames_per_s": "frames a second",
    "socket.sockets_per_session_max": "sockets",
    "socket.sockets_max": "sockets",
    "workspace.files_max": "files and folders",
    "sandbox.processes_max": "processes and threads",
    "turn.max_iterations": "model calls",
    "turn.compact_at": "fraction",
    "model.calls.max_retries": "retries",
    "model.calls.default_context_limit": "tokens",
}
NAMES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
}
SECRET_WORDS = ("key", "token", "secret", "password")


NAME = "NAME"
"""Stands in a key for the name of an entry, which the operator chooses."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, for a document. `default` is JSON; `unit` and `range` are empty where there is none."""

    key: str
    type: str
    unit: str
    range: str
    default: str
    meaning: str
    choices: tuple[str, ...]


def settings() -> list[Setting]:
    """All settings, in the order of the structs."""
    return _walk(Settings, "")


SECRETS = ("journal.url", "journal.direct_url")
"""Settings whose values hold a secret, though their names do not say so."""


def secret(key: str) -> bool:
    """Whether a setting's value must not be shown."""
    return key in SECRETS or bool(set(re.split(r"[._]", key.lower())) & set(SECRET_WORDS))


def groups() -> dict[str, str]:
    """The dotted name of each group of settings, with its description, in order."""
    found: dict[str, str] = {}

    def visit(group: type[msgspec.Struct], before: str) -> None:
        for f in msgspec.structs.fields(group):
            named = entries(f.type)
            inner, key = (named, f"{before}{f.encode_name}.{NAME}") if named else (f.type, before + f.encode_name)
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                found[key] = (inner.__doc__ or "").split(" Raises ")[0].strip()
                visit(inner, f"{key}.")

    visit(Settings, "")
    return found


def entries(kind: Any) -> type[msgspec.Struct] | None:
    """The class of the entries of a setting that maps names to entries, such as `mcpServers`; None for any other setting."""
    found, _ = _unwrap(inspect.type_info(kind))
    if not isinstance(found, inspect.DictType):
        return None
    value, _ = _unwrap(found.value_type)
    return value.cls if isinstance(value, inspect.StructType) else None


def _walk(group: type[msgspec.Struct], before: str) -> list[Setting]:
    found: list[Setting] = []
    for f in msgspec.structs.fields(group):
        key = before + f.encode_name
        if isinstance(f.type, type) and issubclass(f.type, msgspec.Struct):
            found += _walk(f.type, key + ".")
            continue
        named = entries(f.type)
        if named is not None:
            found += _walk(named, f"{key}.{NAME}.")
            continue
        kind, meta = _unwrap(inspect.type_info(f.type))
        default = f.default_factory() if f.default_factory is not msgspec.NODEFAULT else f.default
        choices = tuple(str(value) for value in kind.values) if isinstance(kind, inspect.LiteralType) else ()
        found.append(
            Setting(
                key=key,
                type=_type_name(kind),
                unit=_unit(key, kind),
                range=_range(kind),
                default=msgspec.json.encode(default).decode(),
                meaning=str(meta.get("description", "")),
                choices=choices,
            )
        )
    return found


def _unwrap(kind: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    meta: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        meta = {**(kind.extra_json_schema or {}), **meta}
        kind = kind.type
    return kind, meta


def _type_name(kind: inspect.Type) -> str:
    kind, _ = _unwrap(kind)
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.ListType):
        return f"list of {_type_name(kind.item_type)}"
    if isinstance(kind, inspect.UnionType):
        return " or ".join(map(_type_name, kind.types))
    if isinstance(kind, inspect.DictType | inspect.StructType):
        return "object"
    return NAMES.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def _unit(key: str, kind: inspect.Type) -> str:
    if key in UNITS_BY_KEY:
        return UNITS_BY_KEY[key]
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        return ""
    words = key.rpartition(".")[2].split("_")
    return next((UNITS[word] for word in reversed(words) if word in UNITS), "")


def _range(kind: inspect.Type) -> str:
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        return ""
    bounds = (("≥", kind.ge), (">", kind.gt), ("≤", kind.le), ("<", kind.lt))
    return ", ".join(f"{sign} {bound}" for sign, bound in bounds if bound is not None)
