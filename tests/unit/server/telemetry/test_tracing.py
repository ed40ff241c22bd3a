"""Tracing: one span for a turn, a model call and a tool call, with GenAI names, nested in this order, without content."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from protocol import events as ev
from protocol.submissions import Interrupt, UserInput
from server.app import build_app
from server.config.telemetry import TracingSettings
from server.telemetry.tracing import GenAiTracer, Tracing, open_tracing, provider_of
from tests.support.application import settings_for
from tests.support.constants import built_in
from tests.support.live import DONE, Live, client, listening
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Gate,
    Refusal,
    ScriptedModel,
    Text,
    Usage,
    calls,
    stream,
)
from tests.unit.server.cli.test_main import run


@pytest.fixture
def kept() -> Iterator[InMemorySpanExporter]:
    yield (exporter := InMemorySpanExporter())
    exporter.shutdown()


def traced(live: Live, exporter: InMemorySpanExporter) -> TracerProvider:
    """From the next session on, spans are kept."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    live.server.config.app.state.running.observers.tracing = Tracing(GenAiTracer(provider.get_tracer("test")), provider)  # type: ignore[union-attr]
    return provider


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_a_turn_its_model_calls_and_its_tool_calls_are_spans(tmp_path: Path, kept: InMemorySpanExporter) -> None:
    script = [
        calls(Call("plan", {"items": "secret-argument"}, id="c1")),
        stream(Text("secret-answer"), Finish(), Usage(100, 20)),
    ]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        traced(live, kept)
        async with client(live) as talker:
            await talker.send(UserInput(text="secret-question"))
            await talker.until_type(*DONE)
            session_id = talker.ready.session_id
        await live.manager.delete_session(session_id)
    spans = by_name(kept)
    turn, chat = spans["invoke_agent holdfast"], spans["chat openai/scripted"]
    assert turn.parent is None and turn.context is not None
    assert chat.parent is not None and chat.parent.span_id == turn.context.span_id
    assert dict(turn.attributes or {}) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "holdfast",
        "gen_ai.conversation.id": session_id,
        "holdfast.turn.id": "turn-2",
        "holdfast.outcome": "complete",
        "gen_ai.usage.input_tokens": 112,
        "gen_ai.usage.output_tokens": 27,
    }
    assert dict(chat.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "openai/scripted",
        "gen_ai.provider.name": "openai",
        "gen_ai.conversation.id": session_id,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
    }
    assert len([span for span in kept.get_finished_spans() if span.name.startswith("chat")]) == 2
    assert "secret-" not in "".join(span.to_json() for span in kept.get_finished_spans())


async def test_a_tool_call_is_a_span_of_its_turn(tmp_path: Path, kept: InMemorySpanExporter) -> None:
    script = [calls(Call("list", {}, id="c1")), stream(Text("ok"), Finish())]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        traced(live, kept)
        async with client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(*DONE)
    spans = by_name(kept)
    tool, turn = spans["execute_tool list"], spans["invoke_agent holdfast"]
    assert tool.parent is not None and turn.context is not None and tool.parent.span_id == turn.context.span_id
    attributes = dict(tool.attributes or {})
    assert (attributes["gen_ai.tool.name"], attributes["gen_ai.tool.call.id"]) == ("list", "c1")
    assert tool.status.status_code is StatusCode.UNSET


async def test_a_failed_call_has_only_its_code_and_a_cancelled_one_is_no_error(
    tmp_path: Path, kept: InMemorySpanExporter
) -> None:
    gate = Gate()
    script: list[Answer] = [Refusal(401, "secret-words"), stream(Text("Hel"), gate, Finish())]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        traced(live, kept)
        async with client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(ev.ErrorEvent)
            await talker.send(UserInput(text="again"))
            await gate.reached.wait()
            await talker.send(Interrupt())
            await talker.until_type(ev.Interrupted)
    turns = [span for span in kept.get_finished_spans() if span.name.startswith("invoke_agent")]
    failed, cancelled = [span for span in kept.get_finished_spans() if span.name.startswith("chat")]
    assert (failed.attributes or {})["error.type"] == "model_auth" and failed.status.status_code is StatusCode.ERROR
    assert not failed.status.description and not failed.events
    assert (cancelled.attributes or {})["holdfast.outcome"] == "cancelled"
    assert cancelled.status.status_code is StatusCode.UNSET
    assert [(span.attributes or {})["holdfast.outcome"] for span in turns] == ["error", "interrupted"]
    assert "secret-" not in "".join(span.to_json() for span in kept.get_finished_spans())


async def test_without_tracing_opentelemetry_is_not_imported() -> None:
    code = "import sys, server.app, server.transport.server; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    assert await run([sys.executable, "-c", code]) == (0, "[]\n", "")


async def test_missing_opentelemetry_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text("")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from server.telemetry.tracing import open_tracing\nfrom server.config.telemetry import TracingSettings\n"
        "from server.config.loader import SettingsError\n"
        "try: open_tracing(TracingSettings(enabled=True))\nexcept SettingsError as error: print(error)"
    )
    done, out, err = await run([sys.executable, "-c", code])
    assert (done, err) == (0, "") and "pip install 'holdfast[otel]'" in out


async def test_spans_are_sent_to_the_endpoint_and_a_silent_collector_delays_no_stop(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    built_in("tracing", {"timeout_s": 0.5})
    wanted = TracingSettings(enabled=True, endpoint="http://127.0.0.1:1/v1/traces")
    app = build_app(msgspec.structs.replace(settings, tracing=wanted), environ={})
    async with app.router.lifespan_context(app):
        with app.state.running.observers.tracing.tracer.span("chat", "demo", {}):
            pass
    assert open_tracing(TracingSettings()).tracer is not None
    with pytest.raises(RuntimeError, match="again"), open_tracing(TracingSettings()).tracer.span("chat", "demo", {}):
        raise RuntimeError("again")


def test_providers_have_their_genai_names() -> None:
    models = ["anthropic/claude", "gemini/x", "gpt-5", "demo", "bedrock/y"]
    assert [provider_of(model) for model in models] == ["anthropic", "gcp.gemini", "openai", "holdfast", "aws.bedrock"]
