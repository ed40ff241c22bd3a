"""The body's door: what each route and socket needs, in one table. What is not in it needs credentials all the same."""

import re
from typing import Final, Literal

import msgspec

from server.auth.principal import Principal, Refusal, Right, refuse

Need = Literal["nothing", "optional", "anyone"] | Right
"""`nothing`: credentials are not looked at; `optional`: good ones show more, bad ones are as none; `anyone` who is let in."""


class Rule(msgspec.Struct, frozen=True):
    """What a path needs; `{name}` stands for one segment, `{name:path}` for the rest."""

    path: str
    need: Need


SOCKETS: Final = (Rule("/ws", "sessions"), Rule("/ws/{session_id}", "sessions"))
ROUTES: Final = (
    Rule("/", "nothing"),
    Rule("/static/{path:path}", "nothing"),
    Rule("/livez", "nothing"),
    Rule("/readyz", "nothing"),
    Rule("/schema.json", "nothing"),
    Rule("/asyncapi.json", "nothing"),
    Rule("/auth/local", "nothing"),
    Rule("/auth/token", "nothing"),
    Rule("/auth/login", "nothing"),
    Rule("/auth/callback", "nothing"),
    Rule("/auth/logout", "optional"),
    Rule("/api/config", "optional"),
    Rule("/api/me", "anyone"),
    Rule("/api/sessions", "sessions"),
    Rule("/api/sessions/{session_id}", "sessions"),
    Rule("/api/sessions/{session_id}/events", "sessions"),
    Rule("/metrics", "metrics"),
)
UNKNOWN: Final = Rule("", "anyone")


def rule_for(path: str, *, websocket: bool) -> Rule:
    """The rule of this path; of one that is none: credentials come before the answer that there is nothing."""
    return next((rule for rule, pattern in _TABLE[websocket] if pattern.fullmatch(path)), UNKNOWN)


def lacks(principal: Principal, need: Need) -> Refusal | None:
    """Why this principal may not, or None if it may."""
    if need in ("nothing", "optional", "anyone") or need in principal.rights:
        return None
    return refuse("forbidden", f"this needs the right `{need}`, which your credentials do not give")


def _compiled(rule: Rule) -> re.Pattern[str]:
    parts = re.split(r"\{\w+(:path)?\}", rule.path)
    pattern = re.escape(parts[0])
    for kind, text in zip(parts[1::2], parts[2::2], strict=True):
        pattern += (".*" if kind else "[^/]+") + re.escape(text)
    return re.compile(pattern, re.DOTALL)


_TABLE: Final = {
    False: [(rule, _compiled(rule)) for rule in ROUTES],
    True: [(rule, _compiled(rule)) for rule in SOCKETS],
}
