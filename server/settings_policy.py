"""The body's knobs for approvals: which calls run, are asked for or are refused."""

from typing import Annotated

from msgspec import Meta, field

from agent.policy import Policy, Rule
from server.settings_group import Group


class PolicySettings(Group, frozen=True, kw_only=True):
    """Which calls run, are asked for or are refused. Where no rule matches, what reaches beyond the workspace asks."""

    rules: Annotated[
        list[Rule], Meta(description="In order; the first that matches a call decides. See docs/tools.md.")
    ] = field(default_factory=list)

    def policy(self) -> Policy:
        """As a session decides by it."""
        return Policy(rules=tuple(self.rules))
