"""Authorization: what each path needs, and what a principal may do."""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final, Literal

import msgspec

from protocol.content import AccessLevel
from protocol.submissions import SetMode, Share, Shutdown, Submission, Unshare
from server.auth.principal import Principal, Right
from server.util.refusal import HTTPRefusal

Need = Literal["nothing", "optional", "anyone", "session"] | Right
"""What a path needs of the caller. `nothing`: credentials are not read. `optional`: valid ones give a fuller answer,
others count as none. `anyone`: valid credentials. `session`: the right `sessions`, or a share link; the handler checks
whether it is for this session. Else a right."""


class Rule(msgspec.Struct, frozen=True):
    """The need of a path. In it `{name}` stands for one segment, `{name:path}` for the rest.

    `by_link`: a browser may follow a link to it, so that reading it needs no origin key beside the cookie. `query_token`: a
    program on this machine may send its token in the query, since it can set no header.
    """

    path: str
    need: Need
    by_link: bool = False
    query_token: bool = False


OWNER_ONLY: Final = (Share, Unshare, Shutdown, SetMode)
"""Submissions that a share link never allows."""


READ_ONLY: Final = "your link lets you read this session"
"""Why the holder of a read link may not submit."""


class AccessRules:
    """What each path needs. A path without a rule needs credentials: they come before the answer that it is not there."""

    def __init__(self, http: Iterable[Rule], websocket: Iterable[Rule]) -> None:
        self._http = [_RuledPath(rule) for rule in http]
        self._websocket = [_RuledPath(rule) for rule in websocket]

    def rule_of(self, path: str, *, websocket: bool) -> Rule:
        """What a request, or the upgrade to a websocket, of this path needs."""
        rules = self._websocket if websocket else self._http
        return next((ruled.rule for ruled in rules if ruled.fits(path)), Rule(path, "anyone"))


class _RuledPath:
    """A rule and the paths that it is for. Its pattern is compiled for the first path that begins as it does: a start needs few."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._begin, name, _ = rule.path.partition("{")
        self._has_names = bool(name)

    def fits(self, path: str) -> bool:
        """Whether the rule is for this path."""
        if not self._has_names:
            return path == self._begin
        return path.startswith(self._begin) and self._pattern.fullmatch(path) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{\w+(:path)?\}", self.rule.path)
        pattern = re.escape(parts[0])
        for kind, text in zip(parts[1::2], parts[2::2], strict=True):
            pattern += (".*" if kind else "[^/]+") + re.escape(text)
        return re.compile(pattern, re.DOTALL)


def check_need(principal: Principal, need: Need) -> HTTPRefusal | None:
    """The refusal if the principal lacks what is needed, else None."""
    if need in ("nothing", "optional", "anyone") or need in principal.rights:
        return None
    if need == "session" and ("sessions" in principal.rights or principal.grant is not None):
        return None
    if principal.grant is not None and not principal.rights:
        return HTTPRefusal("forbidden", "your link gives access to one session only")
    return HTTPRefusal("forbidden", f"this needs the right `{need}`, which your credentials do not give")


def refuse_submission(level: AccessLevel, submission: Submission) -> str | None:
    """Why a client with this access may not hand in that submission, or None if it may."""
    if level == "owner" or (level == "drive" and not isinstance(submission, OWNER_ONLY)):
        return None
    return READ_ONLY if level == "read" else "only the session's owner may do that"
