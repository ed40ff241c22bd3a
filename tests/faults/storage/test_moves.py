"""Moves: wherever a session runs at each step of any conversation, clients at both servers see the same, byte for byte."""

import contextlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol import events as ev
from protocol.frames import Frame, Refused
from protocol.submissions import Approval, ExecApproval, Interrupt, SetTitle, Submission, Undo, UserInput
from protocol.view import View
from tests.faults.harness.lengths import fresh_seed, length
from tests.support.application import ASKS_TO_WRITE
from tests.support.live import Client, Live, client, same_view
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Gate,
    Reason,
    Request,
    ScriptedModel,
    Text,
    calls,
    stream,
    text,
)
from tests.support.polling import eventually
from tests.unit.server.sessions.nodes.two import two

CONVERSATIONS = length(2, 40)
STEPS = 10
MANY = {"awake_max": 1_000, "awake_max_per_user": 1_000}
"""Many conversations end in the middle of a turn, which goes on."""


def answer(request: Request) -> Answer:
    """A tool that asks, a sentence that hangs, or reasoning and words."""
    if request.messages[-1]["role"] == "tool":
        return text("It ", "is ", "so.")
    if request.last_user_text == "write":
        return calls(Call("write", {"path": "a.txt", "content": "a"}))
    if request.last_user_text == "hang":
        return stream(Text("Once "), Text("upon"), Gate())
    return stream(Reason("Let me "), Reason("see."), Text("They "), Text("lived."))


def next_step(by: random.Random, view: View) -> Submission:
    """What somebody who sees this does next."""
    if view.pending_approval and by.random() < 0.7:
        approved = by.random() < 0.5
        return ExecApproval(approvals=[Approval(one.tool_call_id, approved) for one in view.pending_approval])
    if view.turn_id and not view.pending_approval:
        return Interrupt()
    said = UserInput(text=by.choice(["write", "hang", "tell", "tell"]))
    choices: list[Submission] = [said, said, said, Undo(), SetTitle(title=f"title {by.randrange(9)}")]
    return by.choice(choices)


async def done(talker: Client, submission_id: str, *, stops: bool) -> None:
    """Until it is answered, and nothing runs that comes to an end by itself, or at all if it `stops` the turn."""

    def answers(frame: Frame) -> bool:
        accepted = isinstance(frame, ev.Accepted) and frame.submission_id == submission_id
        return accepted or (isinstance(frame, Refused) and frame.id == submission_id)

    await talker.until(answers)
    while goes_on(talker.view) or (stops and talker.view.turn_id):
        await talker.next()


def goes_on(view: View) -> bool:
    """Whether more comes by itself. What is said to a question takes its place: then the turn goes on."""
    waits = bool(view.pending_approval) and not view.queued
    return bool(view.turn_id or view.queued) and not waits and not hangs(view)


def hangs(view: View) -> bool:
    return view.open_message is not None and view.open_message.text == "Once upon"


async def level(one: Client, other: Client) -> None:
    """Until both have heard as much; then they see the same."""
    while one.view.seq != other.view.seq:
        await (one if one.view.seq < other.view.seq else other).next()
    assert same_view(one.view, other.view)


async def move(servers: tuple[Live, Live], session_id: str, view: View) -> bool:
    """Let the other server run it, unless a turn does. Whether that does now."""
    runs, other = servers if servers[0].manager.registry.get(session_id) is not None else servers[::-1]
    actor = runs.manager.registry.get(session_id)
    if actor is None or hangs(view):
        return False
    await eventually(lambda: actor.may_restart)
    await runs.manager.registry.end(actor)
    async with other.manager.registry.activated(session_id):
        assert runs.manager.registry.get(session_id) is None
    return True


@pytest.mark.timeout(length(120, 900))
async def test_wherever_a_session_runs_at_each_step_all_clients_at_both_servers_see_the_same(
    tmp_path: Path, database: str, tally: Counter[str]
) -> None:
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    by = random.Random(seed)
    async with (
        ScriptedModel(answer, allow_complaints=True) as model,
        two(tmp_path, database, model, policy=ASKS_TO_WRITE, sessions=MANY) as servers,
    ):
        for _ in range(CONVERSATIONS):
            async with contextlib.AsyncExitStack() as sockets:
                first = await sockets.enter_async_context(client(servers[0]))
                session_id = (await first.synced()).ready.session_id
                second = await sockets.enter_async_context(client(servers[1], session_id))
                await second.synced()
                for number in range(STEPS):
                    who = by.choice((first, second))
                    submission = msgspec.structs.replace(next_step(by, who.view), id=f"s{number}")
                    await who.send(submission)
                    await done(who, f"s{number}", stops=isinstance(submission, Interrupt))
                    await level(first, second)
                    tally["moves to the other server"] += await move(servers, session_id, who.view)
                for live in servers:
                    queries: list[dict[str, Any]] = [{}, {"after": 0}]
                    for query in queries:
                        late = await sockets.enter_async_context(client(live, session_id, **query))
                        await late.synced()
                        late.view.model = first.view.model
                        await level(first, late)
                tally["events seen over moves by clients that see the same"] += first.view.seq
