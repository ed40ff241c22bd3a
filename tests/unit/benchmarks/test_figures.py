"""Benchmark figures: they measure real processes, a little of each; their speed is not checked."""

import msgspec
import pytest

from agent.models import ModelRequest, Models, ModelSettings
from benchmarks.appending import Task
from benchmarks.figures import (
    acp,
    ages,
    ahp,
    cpu,
    deflate,
    floor,
    formats,
    frames,
    memory,
    nodes,
    page,
    replay,
    startup,
    two_nodes,
)
from benchmarks.processes import Process, ProcessFailed, Reading, configuration, reader, scripted_model, server
from benchmarks.reader import aiohttp_stream, read
from benchmarks.table import Row
from server.config.sessions import UserLimits
from tests.faults.harness.lengths import in_the_long_form
from tests.support.backends import Sink
from tests.support.chromium import MISSING, chromium
from tests.support.models.scripted_model import ScriptedModel, by_words, text

pytestmark = pytest.mark.timeout(180)


def by_figure(rows: list[Row], words: str) -> Row:
    found = [row for row in rows if words in row.figure]
    assert len(found) == 1, [row.figure for row in rows]
    return found[0]


async def test_a_turn_and_its_tokens_are_measured_at_the_server_and_at_a_bare_reader() -> None:
    model = "hosted_vllm/scripted"
    size = ages.Size(sessions=3, tokens=5, every_ms=1)
    async with (
        scripted_model() as api_base,
        server(api_base, model) as target,
        reader("aiohttp", api_base, model) as bare,
    ):
        assert await cpu.turn_us(target, 20) > 0
        assert await cpu.reading_us(bare, 20) > 0
        ours, floor = await ages.run_ours(target, size), await ages.run_bare(bare, size)
    assert len(ours.ages) == len(floor.ages) == 15
    assert 0 < floor.p50 <= floor.p99 and 0 < ours.p50 <= ours.p99
    assert ours.cpu_us > 0 and floor.cpu_us > 0


@in_the_long_form
async def test_the_live_path_is_measured_beside_a_bare_session_server() -> None:
    few = ages.Size(sessions=3, tokens=5, every_ms=1)
    rows = await floor.measure(floor.Size(few, few, burst_tokens=20, sockets=3, events=5, idle=5, pairs=1))
    beside = [row for row in rows if row.floor_is]
    added = by_figure(
        rows, "each further of these sockets"
    )  # a difference of two, which so few events do not make more than nothing
    assert len(beside) == 6 and all(row.ours > 0 and row.floor for row in beside if row is not added)
    assert by_figure(rows, "a bare `socket.send`").ours > 0
    assert by_figure(rows, "idle sockets").unit == "KiB"
    assert by_figure(rows, "to open").ours > 0


@in_the_long_form
async def test_small_frames_and_compression_are_measured_beside_servers_without() -> None:
    (row,) = await frames.measure(frames.Size(frames=100, pairs=1))
    assert row.ours > 0 and row.floor and row.ratio
    rows = await deflate.measure(deflate.Size(tokens=5, every_ms=1, chars=10_000, snapshots=1, idle=3, pairs=1))
    assert [row.unit for row in rows] == ["µs", "ms", "KiB"]
    (row,) = await ahp.measure(ahp.Size(tokens=5, every_ms=1, pairs=1))
    assert row.ours > 0 and row.floor
    rows = await acp.measure(acp.Size(tokens=20, pairs=1))
    assert [row.unit for row in rows] == ["µs", "µs", "MiB"] and all(row.ours > 0 for row in rows)


@pytest.mark.parametrize("one", formats.FORMATS, ids=[one.title for one in formats.FORMATS])
async def test_the_scripted_model_answers_in_the_formats_that_are_measured(one: formats.Format) -> None:
    tool: dict[str, object] = {
        "type": "function",
        "function": {"name": "list", "parameters": {"type": "object", "properties": {}}},
    }
    async with ScriptedModel(by_words(1, 0, is_stamped=False), lenient=True) as server:
        settings = {"api_base": server.api_base, "api_key": "none", "extra": {one.model: one.parameters}}
        models = Models(msgspec.convert(settings, ModelSettings))
        plain, stamped = Sink(), Sink()
        reply = await models.call(ModelRequest(one.model, [{"role": "user", "content": "tokens=5"}], [tool]), plain)
        paced = "tokens=5 every_ms=1 stamped=1"
        await models.call(ModelRequest(one.model, [{"role": "user", "content": paced}], [tool]), stamped)
        await models.aclose()
    assert (plain.all(), reply.finish_reason) == (cpu.TOKEN * 5, "stop")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (100, 5)
    assert len([int(token) for token in stamped.all().split()]) == 5


@in_the_long_form
async def test_formats_are_measured_without_gaps_and_live() -> None:
    live = ages.Size(sessions=3, tokens=5, every_ms=1, pairs=1)
    rows = await formats.measure(formats.Size(cpu.Size(tokens=20, pairs=1), live))
    for words in (
        "without gaps, Anthropic's",
        "without gaps, Gemini's",
        "without gaps, `/v1/responses`",
        "every 1 ms, Anthropic's",
    ):
        assert by_figure(rows, words).ours > 0


@in_the_long_form
async def test_a_replay_is_counted_in_frames_and_bytes() -> None:
    rows = await replay.measure(replay.Size(tokens=60, every_ms=2))
    assert by_figure(rows, "mid-stream: frames").ours >= 1
    assert by_figure(rows, "finished: frames").ours >= 1
    assert by_figure(rows, "finished: bytes").floor == 60 * len(replay.TOKEN)


@in_the_long_form
async def test_the_page_is_measured_in_a_browser() -> None:
    if chromium() is None:
        pytest.skip(MISSING)
    rows = await page.measure(loads=1, tokens=400, sessions=20, switches=8)
    assert by_figure(rows, "first paint").ours > 0
    assert by_figure(rows, "while 400 tokens").ours > 0
    assert by_figure(rows, "one table of 400 tokens").ours > 0
    assert by_figure(rows, "one paragraph of 400 tokens").ours > 0
    assert by_figure(rows, "CPU of its process").ours > 0
    assert by_figure(rows, "8 switches").within is not None
    assert by_figure(rows, "20 sessions, one of which changed").ours > 0


@in_the_long_form
async def test_memory_is_measured_awake_and_asleep() -> None:
    async with scripted_model() as api_base, server(api_base, memory.MODEL, memory.ASLEEP_AT_ONCE) as target:
        first = await memory.growth_kib(target, 2, 5, asleep=True)
        connected = await memory.connected_kib(target, 5)
    assert first > connected


def test_one_user_may_run_the_whole_benchmark() -> None:
    """All clients are one user, and users have limits."""
    users = msgspec.convert(configuration("", memory.MODEL, {})["users"], UserLimits)
    most = 10 * memory.FULL.sessions
    assert users.stored_sessions_max > most and users.submissions_per_minute > most
    assert users.sockets_max > memory.FULL.sessions


async def test_a_start_is_measured_to_its_first_answer() -> None:
    start = await startup.start("the bare server", "-m", "benchmarks.bare_server")
    assert start.elapsed_s > 0 and start.cpu_s > 0


@in_the_long_form
async def test_litellm_alone_reads_the_same_text_and_can_be_broken_off() -> None:
    model = "hosted_vllm/scripted"
    async with scripted_model() as api_base, reader("litellm", api_base, model) as litellm:
        assert await cpu.reading_us(litellm, 20) > 0
        done = await litellm.read(Reading(2, "tokens=1000 every_ms=20", cancel_after=3))
    assert done.cancelled_at > 0
    assert all(0 < len(arrivals) < 1000 for arrivals in done.arrivals)


async def test_the_bare_reader_gets_every_piece_of_text() -> None:
    async with ScriptedModel([text("Hel", "lo"), text("Hel", "lo")]) as model:
        done = await read(aiohttp_stream(model.api_base, "hosted_vllm/scripted"), Reading(2, "hello"))
    assert [[piece for _, piece in arrivals] for arrivals in done.arrivals] == [["Hel", "lo"], ["Hel", "lo"]]


async def test_a_process_that_ends_too_early_is_named() -> None:
    async with await Process.start("the short-lived one", "-c", "raise SystemExit(3)") as process:
        with pytest.raises(ProcessFailed, match="the short-lived one ended with 3"):
            await process.line("ready")


@in_the_long_form
async def test_nodes_are_measured_beside_sqlite_and_with_sockets_elsewhere() -> None:
    few = ages.Size(sessions=2, tokens=20, every_ms=5)
    two = two_nodes.Size(few, sessions_a_core=2, takeovers=1, pairs=1)
    rows = await nodes.measure(nodes.Size(Task(2, 100, 1), Task(1, 10, 0, read=50), pairs=1, two=two))
    assert len([row for row in rows if row.ratio]) == 9 and all(row.ours > 0 for row in rows)
    assert len([row for row in rows if row.within is not None]) == 9
    assert by_figure(rows, "reading 50 events for the first time").floor
    assert by_figure(rows, "followed at another node").unit == "µs"
    assert by_figure(rows, "kill -9").unit == "s"
