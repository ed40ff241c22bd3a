"""Servers with real weights, in the long form: a conversation, an interrupt, a conversation that is too long, and a kill."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol import codes
from protocol import events as ev
from protocol.content import AssistantMessage
from protocol.submissions import Interrupt, Undo, UserInput
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.harness.real_model import CONTEXT, RealModel, real_model, settings_with
from tests.support.live import DONE, Client, client, listening

pytestmark = [in_the_long_form, pytest.mark.timeout(6_000)]  # the first test installs the server, and may compile it

LONG = "Count from one to two hundred in words, and write each number on a line of its own."


@pytest.fixture(params=["llama.cpp", "llama-cpp-python"])
async def model(request: pytest.FixtureRequest) -> AsyncIterator[RealModel]:
    async with real_model(request.param) as server:
        yield server


async def ask(talk: Client, text: str) -> ev.Event:
    """The event that ends the turn."""
    await talk.send(UserInput(text=text))
    ended: ev.Event = await talk.until_type(*DONE)
    return ended


async def begin(talk: Client, text: str) -> None:
    """Begin a turn, and wait for its first words."""
    await talk.send(UserInput(text=text))
    await talk.until_type(ev.AssistantChunk)


async def test_a_conversation_comes_token_by_token_and_is_counted(model: RealModel, tmp_path: Path) -> None:
    async with listening(settings_with(tmp_path, model)) as live, client(live) as talk:
        await talk.synced()
        for text in ("Hello! Say a few words about owls.", "And about cats?"):
            done = await ask(talk, text)
            assert isinstance(done, ev.TurnComplete) and done.final_response.strip()
        chunks = [event for event in talk.events if isinstance(event, ev.AssistantChunk)]
        assert len(chunks) > 4
        used = [event for event in talk.events if isinstance(event, ev.UsageEvent)]
        assert len(used) == 2 and used[1].input_tokens > used[0].input_tokens > 0


async def test_an_interrupt_stops_the_servers_work_and_the_next_turn_is_answered(
    model: RealModel, tmp_path: Path
) -> None:
    async with listening(settings_with(tmp_path, model)) as live, client(live) as talk:
        await talk.synced()
        await begin(talk, LONG)
        await talk.send(Interrupt())
        assert isinstance(await talk.until_type(*DONE), ev.Interrupted)
        await model.rests()
        assert isinstance(await ask(talk, "Say hello."), ev.TurnComplete)


async def test_a_conversation_that_is_too_long_shows_the_limit_and_goes_on_after_undo(
    model: RealModel, tmp_path: Path
) -> None:
    async with listening(settings_with(tmp_path, model)) as live, client(live) as talk:
        await talk.synced()
        failed = await ask(talk, "owls and cats and dogs " * 700)
        assert isinstance(failed, ev.ErrorEvent) and failed.code in (
            "model_context_exceeded",
            codes.CONTEXT_OVERFLOW,
        )
        await talk.send(Undo())
        await talk.until_type(ev.UndoComplete)
        assert isinstance(await ask(talk, "Say hello."), ev.TurnComplete)
        assert talk.view.usage.context_limit == CONTEXT


async def test_a_killed_server_leaves_the_text_so_far_and_answers_when_it_is_back(
    model: RealModel, tmp_path: Path
) -> None:
    async with listening(settings_with(tmp_path, model)) as live, client(live) as talk:
        await talk.synced()
        await begin(talk, LONG)
        model.kill()
        failed = await talk.until_type(*DONE)
        assert isinstance(failed, ev.ErrorEvent) and failed.code == "model_stream_cut"
        kept = talk.view.messages[-1]
        assert isinstance(kept, AssistantMessage) and kept.sealed and kept.text
        failed = await ask(talk, "Are you there?")
        assert isinstance(failed, ev.ErrorEvent) and failed.code == "model_unavailable"
        await model.start()
        assert isinstance(await ask(talk, "Say hello."), ev.TurnComplete)
