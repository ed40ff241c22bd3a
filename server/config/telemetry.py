"""Telemetry settings: metrics, and where tracing spans are sent."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup


class MetricsSettings(SettingsGroup, frozen=True, kw_only=True):
    """What is counted."""

    enabled: Annotated[bool, Meta(description="Serve `GET /metrics`.")] = True


class TracingSettings(SettingsGroup, frozen=True, kw_only=True):
    """Spans for OpenTelemetry, which is the extra `otel`."""

    enabled: Annotated[
        bool, Meta(description="Send a span of each turn, model call and tool call, without content.")
    ] = False
    endpoint: Annotated[
        str, Meta(description="OTLP/HTTP address for spans; empty: `OTEL_EXPORTER_OTLP_ENDPOINT`, or this machine's.")
    ] = ""
    service_name: Annotated[str, Meta(min_length=1, description="What the server is called there.")] = "holdfast"
