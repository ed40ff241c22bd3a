"""Fair starts: many requests of one client begin a few at a time, and another client's request begins between them."""

import asyncio

from agent.util.tasks import TaskOwner
from server.transport.fair_starts import FairStarts


def scope_of(token: str) -> dict[str, object]:
    return {"client": ("192.0.2.1", 1), "headers": [(b"host", b"x"), (b"authorization", token.encode())]}


async def test_another_clients_request_begins_between_those_of_a_client_that_sends_many() -> None:
    starts, began, tasks = FairStarts(2), [], TaskOwner("test")

    async def ask(name: str, token: str) -> None:
        await starts.wait(scope_of(token))
        began.append(name)

    many = [tasks.start(ask(f"many {number}", "one"), "many") for number in range(20)]
    quiet = tasks.start(ask("quiet", "other"), "quiet")
    await quiet
    assert len(began) < 8
    await asyncio.gather(*many)
    assert [name for name in began if name != "quiet"] == [f"many {number}" for number in range(20)]


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
    await starts.wait(scope_of("one"))
    given_up = tasks.start(starts.wait(scope_of("one")), "given up")
    last = tasks.start(starts.wait(scope_of("other")), "last")
    await asyncio.sleep(0)
    given_up.cancel()
    await last
