"""Authorization: what each path needs, and what a principal may do."""

import re
from collections.abc import Iterable
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


OWNERS_ALONE: Final = (Share, Unshare, Shutdown)
"""Submissions that a link never allows."""


class AccessRules:
    """What each path needs. A path without a rule needs credentials: they come before the answer that it is not there."""

    def __init__(self, http: Iterable[Rule], websocket: Iterable[Rule]) -> None:
        self._http = [(_pattern(rule.path), rule.need) for rule in http]
        self._websocket = [(_pattern(rule.path), rule.need) for rule in websocket]

    def need_of(self, path: str, *, websocket: bool) -> Need:
        """What a request, or the upgrade to a websocket, of this path needs."""
        rules = self._websocket if websocket else self._http
        return next((need for pattern, need in rules if pattern.fullmatch(path)), "anyone")


def check_need(principal: Principal, need: Need) -> HTTPRefusal | None:
    """Why this principal may not, or None if it may."""
    if need in ("nothing", "optional", "anyone") or need in principal.rights:
        return None
    if need == "session" and ("sessions" in principal.rights or principal.grant is not None):
        return None
    if principal.grant is not None and not principal.rights:
        return HTTPRefusal("forbidden", "your link lets you into one session, and nothing else")
    return HTTPRefusal("forbidden", f"this needs the right `{need}`, which your credentials do not give")


def access_level(principal: Principal, session_id: str, owner: str) -> AccessLevel | None:
    """What this principal may do with that session; None if they have no access."""
    if principal.user_id == owner and "sessions" in principal.rights:
        return "owner"
    grant = principal.grant
    return grant.access if grant is not None and grant.session_id == session_id else None


def refuse_submission(level: AccessLevel, submission: Submission) -> str | None:
    """Why a client with this access may not hand in that submission, or None if it may."""
    if level == "owner" or (level == "drive" and not isinstance(submission, OWNERS_ALONE)):
        return None
    return "your link lets you read this session" if level == "read" else "only the session's owner may do that"


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+(:path)?\}", path)
    pattern = re.escape(parts[0])
    for kind, text in zip(parts[1::2], parts[2::2], strict=True):
        pattern += (".*" if kind else "[^/]+") + re.escape(text)
    return re.compile(pattern, re.DOTALL)
