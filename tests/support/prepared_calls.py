"""Prepared calls: what a tool reports of a call before it runs: a complaint or its effects."""

from agent.policy.effects import Effects
from agent.tools import ToolRouter


def complaint_of(router: ToolRouter, name: str, arguments: dict[str, object]) -> str | None:
    """What is wrong with the call; None if it may be judged."""
    prepared = router.prepare(name, arguments)
    return prepared if isinstance(prepared, str) else None


def effects_of(router: ToolRouter, name: str, arguments: dict[str, object]) -> Effects:
    """What the call would do. Raises AssertionError where its arguments do not fit."""
    prepared = router.prepare(name, arguments)
    assert not isinstance(prepared, str), prepared
    return prepared.effects
