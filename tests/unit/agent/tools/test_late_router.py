"""Late tool router: it is made once, at its first use, and behaves as the router that it becomes."""

import pytest

from agent.tools import AskUserTool, ToolRouter
from agent.tools.late_router import LateToolRouter


class Made:
    """Makes routers, and counts them and those that were closed."""

    def __init__(self) -> None:
        self.made = self.closed = 0

    def __call__(self) -> ToolRouter:
        self.made += 1
        return ToolRouter([AskUserTool(60.0)], closers=[self._close])

    async def _close(self) -> None:
        self.closed += 1


async def test_the_tools_are_made_once_at_the_first_use() -> None:
    making = Made()
    router = LateToolRouter(making)
    assert making.made == 0
    assert router.specs() == ToolRouter([AskUserTool(60.0)]).specs()
    assert (router.snapshots, making.made) == (None, 1)
    await router.aclose()
    assert (making.made, making.closed) == (1, 1)


async def test_tools_that_were_never_used_are_not_made_to_be_closed_nor_afterwards() -> None:
    making = Made()
    router = LateToolRouter(making)
    await router.aclose()
    assert router.specs() == []
    assert (making.made, making.closed) == (0, 0)


async def test_what_could_not_be_made_is_made_at_the_next_use() -> None:
    making = Made()
    failures = [ValueError("no sandbox")]

    def make() -> ToolRouter:
        if failures:
            raise failures.pop()
        return making()

    router = LateToolRouter(make)
    with pytest.raises(ValueError, match="no sandbox"):
        router.specs()
    assert len(router.specs()) == 1
