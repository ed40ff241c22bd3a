"""The mind's spans: where turns, model calls and tool calls say when they begin and end. Who listens is not known here."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Literal, Protocol

Operation = Literal["invoke_agent", "chat", "execute_tool"]
Attributes = Mapping[str, str | int | tuple[str, ...]]


class Span(Protocol):
    """One operation while it is under way."""

    def set_attributes(self, attributes: Attributes) -> None:
        """What became known meanwhile."""

    def fail(self, code: str) -> None:
        """It failed, for this reason: a code of the protocol or a type, never a message."""


class Tracer(Protocol):
    """Whoever keeps spans; those begun inside of one, in its task and the tasks that this starts, are its children."""

    def span(self, operation: Operation, subject: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """A span from entering to leaving. `subject`: the agent, the model or the tool."""


class _NoSpan:
    def set_attributes(self, attributes: Attributes) -> None:
        """Nobody listens."""

    def fail(self, code: str) -> None:
        """Nobody listens."""


class NoTracer:
    """Keeps nothing."""

    @contextmanager
    def span(self, operation: Operation, subject: str, attributes: Attributes) -> Iterator[Span]:
        """A span that nobody keeps."""
        yield _NO_SPAN


_NO_SPAN: Final = _NoSpan()
NO_TRACER: Final = NoTracer()
