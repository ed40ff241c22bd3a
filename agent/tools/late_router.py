"""Late tool router: the tools of a session, made when the first of them is asked for: many sessions are opened and say nothing."""

from collections.abc import Callable
from typing import Any

from agent.tools.router import ToolRouter


class LateToolRouter(ToolRouter):
    """What `make` gives, from the first use on. A router that was never used has nothing to close."""

    def __init__(self, make: Callable[[], ToolRouter]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        """Called for an attribute that is not there: at the first use there is none but `_make`."""
        make = self.__dict__.get("_make")
        if make is None:
            raise AttributeError(name)
        self._become(make())
        return getattr(self, name)

    async def aclose(self) -> None:
        """As the router's. From now on there are no tools, if none were made."""
        if "_make" in self.__dict__:
            self._become(ToolRouter(()))
        await super().aclose()

    def _become(self, router: ToolRouter) -> None:
        self.__dict__ = router.__dict__
