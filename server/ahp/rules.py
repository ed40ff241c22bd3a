"""Rules: the paths at which the protocol is served, and what they need. Apart from the endpoint, which is imported where it is served."""

from collections.abc import Sequence
from typing import Final

from server.auth.authorization import Rule

RULES: Final = (Rule("/ahp", "sessions", query_token=True), Rule("/", "sessions", query_token=True))
"""What the upgrade needs, by path. VS Code knows of no path, and of no header."""


def ahp_rules(served: bool) -> Sequence[Rule]:
    """The paths at which the protocol is served, if it is."""
    return RULES if served else ()
