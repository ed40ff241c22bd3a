"""Rolling restart: servers on one database are restarted one after the other under load; no client is refused, no turn is cut short."""

import contextlib
from collections import Counter
from pathlib import Path

import pytest

from protocol import events as ev
from tests.faults.harness.lengths import length
from tests.faults.harness.node_counts import count_acts
from tests.faults.process.process import Zygote
from tests.faults.storage.test_nodes import PATIENT_LEASE_S, servers
from tests.faults.test_drain import busy, check, talkers
from tests.support.live import Address
from tests.support.models.scripted_model import ScriptedModel
from tests.support.network.balancer import Balancer

ROUNDS = length(1, 20)
"""In each, every server is restarted once."""


@pytest.mark.timeout(length(120, 900))
async def test_over_a_rolling_restart_no_client_is_refused_and_all_turns_go_to_their_end(
    zygote: Zygote, tmp_path: Path, database: str, tally: Counter[str]
) -> None:
    async with contextlib.AsyncExitStack() as ends:
        model = await ends.enter_async_context(ScriptedModel(busy))
        made = await ends.enter_async_context(servers(zygote, tmp_path, database, model, PATIENT_LEASE_S))
        balancer = await ends.enter_async_context(Balancer([one.port for one in made]))
        here = Address(balancer.port)
        async with talkers(here) as there:
            for _ in range(ROUNDS):
                for server in made:
                    for talker in there:
                        await talker.plain.until_live()
                    await count_acts(tally, "rolling restarts", server)
                    assert await server.terminate() == 0
                    await server.start()
                    tally["servers restarted under load"] += 1
        for talker in there:
            await check(here, talker, tally)
            assert talker.plain.denials == [] and talker.plain.unreachable == 0
            assert {code for code, _ in talker.plain.endings} <= {1001}
            assert not [event for event in talker.plain.events if isinstance(event, ev.Interrupted | ev.ErrorEvent)]
            tally["sockets that noticed rolling restarts, and came back"] += len(talker.plain.endings)
            tally["events seen over rolling restarts"] += len(talker.plain.events)
        await count_acts(tally, "rolling restarts", *made)
        assert balancer.refused == 0
        assert sum(len(talker.plain.endings) for talker in there) >= len(there)
        assert not any("Traceback" in server.stderr for server in made)
