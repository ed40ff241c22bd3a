"""Kills of nodes: before and after each append, and each statement by which a session is taken or given back, and a node declared dead; and
of one whose clock is wrong. What clients at another node saw is looked up.
"""

import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from protocol import codec
from tests.faults.harness.clocks import wrong_by
from tests.faults.harness.driver import KILLED
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.harness.node_counts import count
from tests.faults.harness.order import Failpoint, When
from tests.faults.harness.watched import Watched
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.storage.test_nodes import ON_A_TEST_SERVER, node
from tests.support.models.scripted_model import Answer, Call, Hang, Request, ScriptedModel, Text, calls, stream, text
from tests.support.postgres.databases import Databases

pytestmark = [in_the_long_form, pytest.mark.timeout(900)]
FEWEST = 12
"""How many appends the conversation has at least at the node that is killed."""
BOTH = pytest.mark.parametrize("when", ["before", "after"])


def answer(request: Request) -> Answer:
    """A tool that notes that it ran; or a sentence that hangs; or a word."""
    if request.messages[-1]["role"] == "tool":
        return text("I see.")
    if request.last_user_text == "run":
        return calls(Call("bash", {"command": "echo once >> ran; echo begun"}))
    if request.last_user_text == "tell":
        return stream(Text("Once upon"), Hang())
    return text("They lived.")


@contextlib.asynccontextmanager
async def three(zygote: Zygote, folder: Path, database: str) -> AsyncIterator[list[ServerProcess]]:
    """Three nodes, which are not started."""
    async with ScriptedModel(answer, allow_complaints=True) as model, contextlib.AsyncExitStack() as ends:
        made = []
        for name in "abc":
            settings = node(folder / name / "data", model, database)
            one = ServerProcess(zygote, folder / name, settings, hooks=[ON_A_TEST_SERVER])
            made.append(await ends.enter_async_context(one))
        yield made


def name_of(database: str) -> str:
    return database.rpartition("/")[2].partition("?")[0]


@BOTH
async def test_at_any_append_another_node_goes_on_and_no_tool_runs_twice(
    zygote: Zygote, tmp_path: Path, postgres: Databases, database: str, when: When, tally: Counter[str]
) -> None:
    at, dies = 1, True
    while dies:
        async with three(zygote, tmp_path / str(at), database) as (a, b, _):
            await a.start(Failpoint("store", at, when))
            await b.start()
            session = Watched(a, b)
            await session.begin(at=0)
            for said in ("run", "hello", "and again"):
                await session.say(1, said)
                await session.until_at_rest(1)
            dies = a.calls()["store"] >= at
            if dies:
                assert await a.ended() == KILLED
                await a.start()
                await session.come_back(0)
            assert session.noticed() == [session.followers[0].name] * dies, "who is at the other node notices nothing"
            tally["kills at appends"] += dies
            await count(tally, "kills", postgres, name_of(database), session)
        ran = [line for file in (tmp_path / str(at)).rglob("ran") for line in file.read_text().split()]
        assert len(ran) <= 1
        tally["tools over kills, each run once at most"] += len(ran)
        at += dies
    assert at > FEWEST


@pytest.mark.parametrize(
    "point",
    [Failpoint(call, 1, when) for call in ("take", "declare") for when in ("before", "after")],
    ids=["before it takes", "after it took", "before it declares", "after it declared"],
)
async def test_a_node_that_is_lost_while_it_takes_over_is_followed_by_a_third(
    zygote: Zygote, tmp_path: Path, postgres: Databases, database: str, point: Failpoint, tally: Counter[str]
) -> None:
    async with three(zygote, tmp_path, database) as (a, b, c):
        await a.start()
        await b.start(point)
        session = Watched(a, b)
        await session.begin(at=0)
        await session.say(0, "tell")
        await session.until_seen_in_part("Once upon")
        await a.kill()
        assert await b.ended() == KILLED
        tally["kills at changes of ownership"] += 2
        await c.start()
        session.nodes = (c, c)
        await session.come_back()
        await session.until_seen(0, "Once upon")
        await session.say(1, "hello")
        for at in (0, 1):
            await session.until_seen(at, "Once upon", "They lived.")
        await count(tally, "kills", postgres, name_of(database), session)


@BOTH
async def test_a_node_that_is_lost_while_it_gives_a_session_back_is_followed_by_another(
    zygote: Zygote, tmp_path: Path, postgres: Databases, database: str, when: When, tally: Counter[str]
) -> None:
    async with three(zygote, tmp_path, database) as (a, b, _):
        await a.start(Failpoint("give_back", 1, when))
        await b.start()
        session = Watched(a, b)
        await session.begin(at=0)
        await session.say(0, "hello")
        for at in (0, 1):
            await session.until_seen(at, "They lived.")
        assert await a.terminate() == KILLED
        tally["kills at changes of ownership"] += 1
        await session.say(1, "and again")
        await session.until_seen(1, "They lived.", "They lived.")
        await a.start()
        await session.come_back(0)
        await count(tally, "kills", postgres, name_of(database), session)


@pytest.mark.parametrize("seconds", [86_400, -86_400], ids=["ahead", "behind"])
async def test_a_node_whose_clock_is_wrong_by_a_day_owns_no_longer_and_no_shorter(
    zygote: Zygote, tmp_path: Path, postgres: Databases, database: str, seconds: int, tally: Counter[str]
) -> None:
    async with three(zygote, tmp_path, database) as (a, b, c):
        a.hooks = (*a.hooks, wrong_by(seconds))
        await a.start()
        await b.start()
        session = Watched(a, b)
        await session.begin(at=0)
        for said in ("run", "hello"):
            await session.say(1, said)
            await session.until_at_rest(1)
        await session.say(1, "tell")
        await session.until_seen_in_part("Once upon")
        heard = [datetime.fromisoformat(codec.decode_event(data).at).timestamp() for data in session.followers[1].seen]
        assert all(abs(at - time.time() - seconds) < 3_600 for at in heard), "by the clock of the node that runs it"
        await c.start()
        await a.kill()
        await session.until_at_rest(1)
        await a.start()
        await session.come_back(0)
        await b.kill()
        tally["kills of servers whose clock is wrong"] += 2
        session.nodes = (a, c)
        await session.come_back(1)
        await session.say(0, "there?")
        for at in (0, 1):
            await session.until_at_rest(at)
        await count(tally, "kills", postgres, name_of(database), session)
