"""Metrics: each has the right count after real conversations, and no client can add a label."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from protocol import events as ev
from protocol.limits import Limits
from protocol.submissions import Interrupt, Undo, UserInput
from server.telemetry.log_context import LogContext
from server.telemetry.metrics import Metrics
from server.telemetry.session_observer import Observer
from tests.support.application import settings_for
from tests.support.live import DONE, Live, client, listening
from tests.support.models.scripted_model import Call, Finish, Gate, Reply, ScriptedModel, Text, Usage, calls, stream
from tests.support.network.http_client import http_client
from tests.support.polling import eventually

AT = "2026-01-01T00:00:00.000Z"


async def samples(live: Live) -> dict[str, float]:
    """What `/metrics` says: every sample that is not 0, by its name and labels."""
    async with http_client(live.http) as http:
        text = (await http.get("/metrics")).text
    return {
        "/".join([sample.name.removeprefix("holdfast_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value and sample.name.startswith("holdfast_") and not sample.name.endswith(("_created", "_bucket"))
    }


@contextlib.asynccontextmanager
async def conversing(tmp_path: Path, *script: object) -> AsyncIterator[tuple[Live, ScriptedModel]]:
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:  # type: ignore[arg-type]
        yield live, model


async def until(live: Live, name: str, value: float) -> dict[str, float]:
    """The metrics, as soon as this one has this value."""

    async def there() -> bool:
        return (await samples(live)).get(name, 0) == value

    await eventually(there, f"{name} {value:g}")
    return await samples(live)


async def read_all(socket: ClientConnection) -> None:
    """Read until the socket ends."""
    while True:
        await socket.recv()


async def test_a_conversation_is_counted_exactly(tmp_path: Path) -> None:
    script = (
        calls(Call("plan", {"items": [{"text": "a", "status": "pending"}]}), Call("no_such_tool", {})),
        stream(Text("Done."), Finish(), Usage(100, 20, 7)),
    )
    async with conversing(tmp_path, *script) as (live, _):
        async with client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(*DONE)
            await talker.send(Interrupt())
            assert (await talker.refusal()).code == "nothing_to_interrupt"
            await talker.socket.send("{")
            assert (await talker.refusal()).code == "bad_frame"
            seq = talker.view.seq
            now = await samples(live)
        assert now["events_total"] == seq
        assert now["turns_total/complete"] == now["turn_seconds_count"] == 1
        assert (now["sockets"], now["sessions_awake"], now["sessions/idle"]) == (1, 1, 1)
        assert (now["refusals_total/nothing_to_interrupt"], now["refusals_total/bad_frame"]) == (1, 1)
        assert {key: value for key, value in now.items() if key.startswith("tokens")} == {
            "tokens_total/input/openai/scripted": 12 + 100,
            "tokens_total/output/openai/scripted": 7 + 20,
            "tokens_total/cached/openai/scripted": 7,
        }
        assert not [key for key in now if key.startswith(("cost_usd", "errors"))]
        plan = next(e for e in talker.events if isinstance(e, ev.ToolOutput) and e.tool == "plan")
        outcome = "success" if plan.success else "failure"
        assert now[f"tool_calls_total/{outcome}/plan"] == now["tool_calls_total/failure/other"] == 1
        assert now["append_seconds_count"] > 0 and now["append_seconds_sum"] > 0
        assert now["send_seconds_count"] == len(talker.messages)
        now = await until(live, "sockets", 0)
        assert now["socket_closes_total/client/1000"] == now["connects_total/snapshot"] == 1


async def test_a_message_that_is_too_large_is_counted_by_the_side_that_refused_it(tmp_path: Path) -> None:
    async with conversing(tmp_path, stream(Text("x" * 100_000), Finish())) as (live, _):
        async with client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(*DONE)
        async with connect(f"{live.ws}/{talker.ready.session_id}", max_size=50_000) as small:
            with pytest.raises(ConnectionClosedError):
                await read_all(small)
        now = await until(live, "socket_closes_total/client/1009", 1)
        assert "socket_closes_total/server/1009" not in now
        async with connect(f"{live.ws}/{talker.ready.session_id}") as large:
            await large.send("x" * (Limits().inbound_message_bytes + 1))
            with pytest.raises(ConnectionClosedError):
                await read_all(large)
        now = await until(live, "socket_closes_total/server/1009", 1)
        assert now["socket_closes_total/client/1009"] == 1


async def test_missed_events_are_counted_as_a_replay(tmp_path: Path) -> None:
    async with conversing(tmp_path, stream(Text("Hel"), Text("lo"), Finish())) as (live, _):
        async with client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(*DONE)
        missed = talker.view.seq
        session_id, epoch = talker.ready.session_id, talker.ready.epoch
        async with client(live, session_id, after=0, epoch=epoch) as back:
            await back.synced()
        async with client(live, session_id, after=2, epoch="another") as lost:
            await lost.synced()
        now = await samples(live)
    assert (now["replay_events_count"], now["replay_events_sum"]) == (1, missed)
    assert [now[f"connects_total/{answer}"] for answer in ("snapshot", "replay", "gap")] == [1, 1, 1]


async def test_an_interrupted_and_a_failed_turn_are_counted_as_such(tmp_path: Path) -> None:
    gate = Gate()
    async with conversing(tmp_path, stream(Text("Hel"), gate, Finish()), Reply((Text("cut"),), done=False)) as (
        live,
        _,
    ):
        async with client(live) as talker:
            await talker.send(UserInput(text="go"))
            await gate.reached.wait()
            assert (await samples(live))["sessions/running"] == 1
            await talker.send(Interrupt())
            await talker.until_type(ev.Interrupted)
            await talker.send(UserInput(text="again"))
            error = await talker.until_type(ev.ErrorEvent)
            now = await until(live, "turns_total/error", 1)
    assert now["turns_total/interrupted"] == 1
    assert now[f"errors_total/{error.code}"] == 1


async def test_a_compaction_is_not_counted_as_a_turn(tmp_path: Path) -> None:
    async with conversing(tmp_path, stream(Text("Hello"), Finish())) as (live, _):
        async with client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(*DONE)
            await talker.send(Undo())
            await talker.until_type(ev.UndoComplete)
            now = await samples(live)
    assert sum(value for key, value in now.items() if key.startswith("turns_total")) == 1


async def test_refused_requests_are_counted_by_code(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        async with http_client(live.http) as http:
            await http.get("/api/me", headers={"host": "evil.example"})
        with pytest.raises(InvalidStatus):
            async with client(live, "no-such-session"):
                pass
        now = await samples(live)
    assert (now["denials_total/forbidden"], now["denials_total/not_found"]) == (1, 1)


names = st.text(max_size=40)


@given(st.lists(st.tuples(names, names, st.booleans()), max_size=30))
def test_unknown_names_count_as_other(observed: list[tuple[str, str, bool]]) -> None:
    def series(metrics: Metrics) -> set[str]:
        return {f"{sample.name}{sample.labels}" for family in metrics.registry.collect() for sample in family.samples}

    metrics = Metrics(["demo"], ["plan"])
    before = series(metrics)
    observer = Observer(metrics, LogContext())
    for seq, (tool, model, success) in enumerate(observed, 1):
        observer.on_events(
            [
                ev.ModelChanged(seq=seq, at=AT, model=model),
                ev.ToolOutput(
                    seq=seq,
                    at=AT,
                    tool_call_id="c",
                    tool=tool,
                    output="",
                    success=success,
                    truncated=False,
                    duration_ms=1,
                ),
                ev.UsageEvent(
                    seq=seq,
                    at=AT,
                    input_tokens=1,
                    output_tokens=1,
                    cached_tokens=0,
                    cost_usd=0.5,
                    context_tokens=2,
                    context_limit=9,
                ),
                ev.ErrorEvent(seq=seq, at=AT, code=tool, message="", retryable=False, turn_id=None),
            ]
        )
        metrics.closes.of(tool, model).inc()
        metrics.refusals.of(model).inc()
    assert series(metrics) == before
