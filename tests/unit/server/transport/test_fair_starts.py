"""Fair starts: many requests of one client begin a few at a time, and another client's request begins between them."""

import asyncio

from agent.util.tasks import TaskOwner
from server.transport.fair_starts import EXTENSION, FairStarts, Turns, note_checked


def scope_of(token: str = "", address: str = "192.0.2.1") -> dict[str, object]:
    shown = [(b"authorization", token.encode())] if token else []
    return {"client": (address, 1), "headers": [(b"host", b"x"), *shown]}


async def begun_before_the_quiet_one(
    starts: FairStarts, many: list[dict[str, object]], quiet: dict[str, object]
) -> int:
    """How many of these requests begin before one that comes after them."""
    began: list[str] = []
    tasks = TaskOwner("test")

    async def ask(name: str, scope: dict[str, object]) -> None:
        await starts.wait(scope)
        began.append(name)

    asked = [tasks.start(ask("many", scope), "many") for scope in many]
    await tasks.start(ask("quiet", quiet), "quiet")
    place = began.index("quiet")
    await asyncio.gather(*asked)
    return place


async def test_another_networks_request_begins_between_those_of_one_that_sends_many() -> None:
    place = await begun_before_the_quiet_one(FairStarts(2), [scope_of()] * 20, scope_of(address="198.51.100.1"))
    assert place < 8


async def test_credentials_that_were_made_up_get_no_turns_of_their_own() -> None:
    made_up = [scope_of(f"made up {number}") for number in range(20)]
    assert await begun_before_the_quiet_one(FairStarts(2), made_up, scope_of(address="198.51.100.1")) < 8
    in_one_network = [scope_of(address=f"2001:db8::{number}") for number in range(20)]
    assert await begun_before_the_quiet_one(FairStarts(2), in_one_network, scope_of()) < 8


async def test_a_user_whose_credentials_were_checked_waits_for_nobody_in_the_same_network() -> None:
    starts = FairStarts(2)
    starts.checked(scope_of("quiet's"), "quiet")
    many = [scope_of(f"made up {number}") for number in range(20)]
    assert await begun_before_the_quiet_one(starts, many, scope_of("quiet's")) < 8
    assert await begun_before_the_quiet_one(starts, many, scope_of("nobody's")) == 20


async def test_all_credentials_of_a_user_take_turns_together() -> None:
    starts = FairStarts(2)
    for number in range(20):
        scope = scope_of(f"token {number}")
        note_checked({**scope, "extensions": {EXTENSION: starts}}, "mallory")
    many = [scope_of(f"token {number}", f"192.0.2.{number}") for number in range(20)]
    assert await begun_before_the_quiet_one(starts, many, scope_of(address="198.51.100.1")) < 8


async def test_few_requests_begin_at_once() -> None:
    starts, began = FairStarts(2), []
    for number in range(2):
        waiting = starts.wait(scope_of("one"))
        try:
            waiting.send(None)
        except StopIteration:
            began.append(number)
    assert began == [0, 1]


async def test_a_request_that_was_given_up_takes_nobodys_turn() -> None:
    starts, tasks = FairStarts(1), TaskOwner("test")
    await starts.wait(scope_of())
    given_up = tasks.start(starts.wait(scope_of()), "given up")
    last = tasks.start(starts.wait(scope_of(address="198.51.100.1")), "last")
    await asyncio.sleep(0)
    given_up.cancel()
    await last


async def test_work_waits_for_the_next_steps_once_enough_was_done_in_this_one() -> None:
    turns, done = Turns(2), []

    def work(number: int) -> bool:
        done.append(number)
        return True

    at_once = [turns.take("one", lambda number=number: work(number)) for number in range(6)]  # type: ignore[misc]
    assert at_once == [True, True, False, False, False, False]
    steps = []
    for _ in range(4):
        await asyncio.sleep(0)
        steps.append(len(done))
    assert done == [2, 3, 4, 5]
    assert max(after - before for before, after in zip([0, *steps], steps, strict=False)) == 2
