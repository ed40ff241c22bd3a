"""Tracing: OpenTelemetry spans with the GenAI semantic conventions. OpenTelemetry is an extra, imported only if tracing is on.

https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

import asyncio
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.util.threads import start_in_own_thread
from agent.util.tracing import NO_TRACER, Attributes, Operation, Span, Tracer
from server import __version__
from server.config.loader import SettingsError
from server.config.telemetry import TracingSettings

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

SUBJECTS = {"invoke_agent": "gen_ai.agent.name", "chat": "gen_ai.request.model", "execute_tool": "gen_ai.tool.name"}
PROVIDERS = {
    "bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "vertex_ai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Providers by LiteLLM's prefix, where the GenAI names spell them otherwise."""


TIMEOUT_S = 5.0
"""How long sending spans may take, also when the server stops: a silent collector must not delay the stop for long."""

QUEUE_MAX = 2_048
"""Spans that may wait to be sent; more are dropped. The default of OpenTelemetry's own specification."""


class Tracing:
    """The tracer of a running app, with its exporter."""

    def __init__(self, tracer: Tracer, provider: "TracerProvider | None" = None) -> None:
        self.tracer = tracer
        self._provider = provider

    async def aclose(self) -> None:
        """Send the spans that wait, within the exporter's time limit."""
        if self._provider is not None:
            await start_in_own_thread("tracing-end", self._provider.shutdown)


def open_tracing(settings: TracingSettings) -> Tracing:
    """The tracing that the settings ask for. Raises `SettingsError` if spans are wanted and the extra is not installed."""
    if not settings.enabled:
        return Tracing(NO_TRACER)
    if not installed():
        raise SettingsError("tracing.enabled: OpenTelemetry is not installed; `pip install 'holdfast[otel]'`")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = Resource.create({"service.name": settings.service_name, "service.version": __version__})
    provider = TracerProvider(resource=about, shutdown_on_exit=False)
    timeout = TIMEOUT_S
    exporter = OTLPSpanExporter(endpoint=settings.endpoint or None, timeout=timeout)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=QUEUE_MAX, export_timeout_millis=timeout * 1000)
    )
    return Tracing(GenAiTracer(provider.get_tracer("holdfast", __version__)), provider)


class GenAiTracer:
    """Spans with the GenAI names, without any content of messages."""

    def __init__(self, tracer: "trace.Tracer") -> None:
        self._tracer = tracer

    @contextmanager
    def span(self, operation: Operation, subject: str, attributes: Attributes) -> Iterator[Span]:
        """A span that is current inside the block. An exception is recorded by its type alone, a cancellation as an outcome."""
        from opentelemetry.trace import SpanKind

        known = {"gen_ai.operation.name": operation, SUBJECTS[operation]: subject, **attributes}
        if operation == "chat":
            known["gen_ai.provider.name"] = provider_of(subject)
        kind = SpanKind.CLIENT if operation == "chat" else SpanKind.INTERNAL
        with self._tracer.start_as_current_span(
            f"{operation} {subject}", kind=kind, attributes=known, record_exception=False, set_status_on_exception=False
        ) as kept:
            span = _Span(kept)
            try:
                yield span
            except asyncio.CancelledError:
                span.set_attributes({"holdfast.outcome": "cancelled"})
                raise
            except Exception as error:
                if not span.failed:
                    span.fail(type(error).__name__)
                raise


class _Span:
    def __init__(self, span: "trace.Span") -> None:
        self._span = span
        self.failed = False

    def set_attributes(self, attributes: Attributes) -> None:
        """Add attributes."""
        self._span.set_attributes(dict(attributes))

    def fail(self, code: str) -> None:
        """Mark the span as failed."""
        from opentelemetry.trace import StatusCode

        self.failed = True
        self._span.set_attribute("error.type", code)
        self._span.set_status(StatusCode.ERROR)


def provider_of(model: str) -> str:
    """The provider of a model as LiteLLM names it."""
    prefix, found, _ = model.partition("/")
    return PROVIDERS.get(prefix, prefix) if found else "holdfast" if model == "demo" else "openai"


def installed() -> bool:
    """Whether the extra `otel` is installed."""
    parts = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.exporter.otlp")
    return all(importlib.util.find_spec(part) is not None for part in parts)
