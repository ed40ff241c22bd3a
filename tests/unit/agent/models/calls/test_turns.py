"""Call turns: tests of `agent.models.calls.turns`."""

import asyncio

from agent.models import ModelRequest, Models, ModelSettings
from agent.models.calls.turns import AT_ONCE, CallTurns, request_is_ready
from agent.util.places import Holder
from agent.util.tasks import TaskOwner

ANNA, BERT = Holder("anna", "a"), Holder("bert", "b")


class Calls:
    """Calls that are made ready until they are told to go on."""

    def __init__(self, turns: CallTurns) -> None:
        self._turns = turns
        self.tasks = TaskOwner("calls")
        self.begun: list[str] = []
        self.go_on = asyncio.Event()

    async def _one(self, name: str, holder: Holder) -> None:
        async with self._turns.take(holder):
            self.begun.append(name)
            await self.go_on.wait()

    async def start(self, name: str, holder: Holder) -> None:
        """Start one, and let it come as far as it can."""
        self.tasks.start(self._one(name, holder), name)
        await asyncio.sleep(0)


async def test_the_calls_of_one_user_are_made_ready_one_after_another_and_those_of_others_beside() -> None:
    turns = CallTurns(hold_s=60)
    calls = Calls(turns)
    await calls.start("anna 1", ANNA)
    await calls.start("anna 2", Holder("anna", "another"))
    await calls.start("bert", BERT)
    assert calls.begun == ["anna 1", "bert"]
    calls.go_on.set()
    while len(turns.places) or turns.places.waiting:
        await asyncio.sleep(0)
    assert calls.begun == ["anna 1", "bert", "anna 2"]
    await calls.tasks.aclose()


async def test_a_few_users_calls_are_made_ready_at_once() -> None:
    calls = Calls(CallTurns(hold_s=60))
    for number in range(AT_ONCE + 1):
        await calls.start(str(number), Holder(f"user {number}"))
    assert len(calls.begun) == AT_ONCE
    await calls.tasks.aclose()


async def test_a_turn_ends_when_the_request_is_ready() -> None:
    turns = CallTurns(hold_s=60)
    async with turns.take(ANNA):
        request_is_ready()
        async with turns.take(ANNA):
            assert len(turns.places) == 1
        assert len(turns.places) == 0


async def test_a_call_that_waits_for_something_else_does_not_keep_its_turn() -> None:
    turns = CallTurns(hold_s=0.01)
    async with turns.take(ANNA), turns.take(ANNA):
        pass


async def test_calls_that_wait_for_an_answer_do_not_keep_the_next_one_of_their_user_waiting() -> None:
    connected: set[asyncio.StreamWriter] = set()
    all_came = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer)
        if len(connected) == 3:
            all_came.set()

    async def nothing(kind: str, text: str) -> None:
        """A sink."""

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        models = Models(ModelSettings(api_base=base, api_key="k", max_retries=0))
        tasks = TaskOwner("calls")
        for name in ("openai/a", "hosted_vllm/b", "openai/c"):
            request = ModelRequest(name, [{"role": "user", "content": "hello"}], [], holder=ANNA)
            tasks.start(models.call(request, nothing), name)
        await all_came.wait()
        await tasks.aclose()
        await models.aclose()
        for writer in connected:
            writer.close()
