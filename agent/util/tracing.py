"""Tracing interface: where turns, model calls and tool calls report when they begin and end."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Literal, Protocol

Operation = Literal["invoke_agent", "chat", "execute_tool"]
Attributes = Mapping[str, str | int | tuple[str, ...]]


class Span(Protocol):
    """One operation while it runs."""

    def set_attributes(self, attributes: Attributes) -> None:
        """Add attributes to the span."""

    def fail(self, code: str) -> None:
        """Mark the span as failed. `code`: an error code of the protocol or the type of an exception, never a message."""


class Tracer(Protocol):
    """Makes spans. Those begun inside a span, in its task and the tasks that this starts, are its children."""

    def span(self, operation: Operation, subject: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """A context manager whose block is the span. `subject`: name of the agent, the model or the tool."""


class _NoSpan:
    def set_attributes(self, attributes: Attributes) -> None:
        """Does nothing."""

    def fail(self, code: str) -> None:
        """Does nothing."""


class NoTracer:
    """The tracer of a server without tracing: records nothing."""

    @contextmanager
    def span(self, operation: Operation, subject: str, attributes: Attributes) -> Iterator[Span]:
        """A span that is not recorded."""
        yield _NO_SPAN


_NO_SPAN: Final = _NoSpan()
NO_TRACER: Final = NoTracer()
