"""The shape of an open stream of a provider, whichever way it is read."""

from collections.abc import Sequence
from typing import Protocol

from agent.models.types import Piece


class Upstream(Protocol):
    """An answer under way. Whoever opened it closes it, always: a stream left alone keeps its connection."""

    async def read(self) -> Sequence[Piece] | None:
        """What has come since the last time, at least one piece; None at the end. Raises ModelError."""

    async def aclose(self) -> None:
        """Close the HTTP stream, also in the middle of an answer."""
