"""Interrupts: from the client's interrupt to the end of the model's HTTP stream, while the model talks and while it is silent."""

import time
from statistics import median

from benchmarks.client import client
from benchmarks.processes import Reader, Reading, Server, reader, server
from benchmarks.table import Row
from tests.support.models.scripted_model import Finish, Hang, ScriptedModel, Text, Tokens, stream

TIMES = 7
STOPPED_MAX_MS = 100.0
MODEL = "hosted_vllm/scripted"
TALKING = stream(Tokens(100_000, 0.02), Finish())
SILENT = stream(Text("One moment."), Hang())


async def measure(times: int = TIMES) -> list[Row]:
    """A row for each kind of model. The model lives here, so that it can say when its client left."""
    rows = []
    for what, reply in (("talks", TALKING), ("is silent", SILENT)):
        async with ScriptedModel([reply] * (2 * times + 2)) as model:
            async with (
                server(model.api_base, MODEL) as target,
                reader("litellm", model.api_base, MODEL) as litellm,
            ):
                pairs = [
                    (await stopped_ms(model, target), await cancelled_ms(model, litellm)) for _ in range(times + 1)
                ][1:]
        ours = median(mine for mine, _ in pairs)
        rows.append(
            Row(
                figure=f"from an interrupt to the end of the model's stream, the model {what}",
                ours=ours,
                unit="ms",
                floor=median(other for _, other in pairs),
                floor_is="LiteLLM's task cancelled",
                ratio=median(mine / other for mine, other in pairs),
                bound=f"< {STOPPED_MAX_MS:g} ms",
                within=ours < STOPPED_MAX_MS,
            )
        )
    return rows


async def stopped_ms(model: ScriptedModel, target: Server) -> float:
    """One interrupt over a socket, from before it is sent."""
    number = len(model.requests)
    async with client(target.socket_url) as socket:
        await socket.submit_input("talk")
        await socket.receive_turn(until_chars=1)
        request = await model.request(number)
        began = time.monotonic()
        await socket.interrupt()
        await socket.receive_turn()
        await request.left.wait()
    assert request.left_at is not None
    return (request.left_at - began) * 1000


async def cancelled_ms(model: ScriptedModel, bare: Reader) -> float:
    """One cancelled reading, from just before it is cancelled."""
    number = len(model.requests)
    done = await bare.read(Reading(1, "talk", cancel_after=1))
    request = await model.request(number)
    await request.left.wait()
    assert request.left_at is not None
    return request.left_at * 1000 - done.cancelled_at / 1e6
