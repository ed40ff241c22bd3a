"""The body's door: what each route and socket needs, in one table. What is not in it needs credentials all the same."""

import re
from typing import Final, Literal

import msgspec

from protocol.content import AccessLevel
from protocol.submissions import Share, Shutdown, Submission, Unshare
from server.auth.principal import Principal, Right
from server.util.refusal import HTTPRefusal

Need = Literal["nothing", "optional", "anyone", "session"] | Right
"""`nothing`: credentials are not looked at; `optional`: good ones show more, bad ones are as none; `anyone` who is let in;
`session`: who may have sessions, or came by a link to one; whether to this one, the route looks up."""


class Rule(msgspec.Struct, frozen=True):
    """What a path needs; `{name}` stands for one segment, `{name:path}` for the rest."""

    path: str
    need: Need


SOCKETS: Final = (Rule("/ws", "sessions"), Rule("/ws/{session_id}", "session"))
ROUTES: Final = (
    Rule("/", "nothing"),
    Rule("/s/{session_id}", "nothing"),
    Rule("/static/{path:path}", "nothing"),
    Rule("/livez", "nothing"),
    Rule("/readyz", "nothing"),
    Rule("/schema.json", "nothing"),
    Rule("/asyncapi.json", "nothing"),
    Rule("/openapi.json", "nothing"),
    Rule("/auth/local", "nothing"),
    Rule("/auth/token", "nothing"),
    Rule("/auth/share", "nothing"),
    Rule("/auth/login", "nothing"),
    Rule("/auth/callback", "nothing"),
    Rule("/auth/logout", "optional"),
    Rule("/api/config", "optional"),
    Rule("/api/me", "anyone"),
    Rule("/api/sessions", "sessions"),
    Rule("/api/sessions/{session_id}", "session"),
    Rule("/api/sessions/{session_id}/events", "session"),
    Rule("/api/sessions/{session_id}/export", "session"),
    Rule("/api/sessions/{session_id}/files", "session"),
    Rule("/api/sessions/{session_id}/files/{path:path}", "session"),
    Rule("/api/sessions/{session_id}/shares", "sessions"),
    Rule("/api/sessions/{session_id}/shares/{share_id}", "sessions"),
    Rule("/api/admin/sessions", "admin"),
    Rule("/api/admin/sessions/{session_id}/stop", "admin"),
    Rule("/metrics", "metrics"),
)
UNKNOWN: Final = Rule("", "anyone")
OWNERS_ALONE: Final = (Share, Unshare, Shutdown)
"""Submissions that a link never allows."""


def rule_for(path: str, *, websocket: bool) -> Rule:
    """The rule of this path; of one that is none: credentials come before the answer that there is nothing."""
    return next((rule for rule, pattern in _TABLE[websocket] if pattern.fullmatch(path)), UNKNOWN)


def lacks(principal: Principal, need: Need) -> HTTPRefusal | None:
    """Why this principal may not, or None if it may."""
    if need in ("nothing", "optional", "anyone") or need in principal.rights:
        return None
    if need == "session" and ("sessions" in principal.rights or principal.grant is not None):
        return None
    if principal.grant is not None and not principal.rights:
        return HTTPRefusal("forbidden", "your link lets you into one session, and nothing else")
    return HTTPRefusal("forbidden", f"this needs the right `{need}`, which your credentials do not give")


def standing(principal: Principal, session_id: str, owner: str) -> AccessLevel | None:
    """What this principal is to that session; None: nothing, so that for them it is not there."""
    if principal.user_id == owner and "sessions" in principal.rights:
        return "owner"
    grant = principal.grant
    return grant.access if grant is not None and grant.session_id == session_id else None


def refuse_submission(standing: AccessLevel, submission: Submission) -> str | None:
    """Why somebody of this standing may not submit that, or None if they may."""
    if standing == "owner" or (standing == "drive" and not isinstance(submission, OWNERS_ALONE)):
        return None
    return "your link lets you read this session" if standing == "read" else "only the session's owner may do that"


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
