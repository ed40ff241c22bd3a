"""Node counts: what several servers did over a fault and what their clients saw of it, added to the tally of faults."""

import re
from collections import Counter

from clients.prove.trace import Opened
from tests.faults.harness.watched import Watched
from tests.faults.process.process import ServerProcess
from tests.support.network.http_client import http_client
from tests.support.postgres.databases import Databases

COUNTED = ("takeovers", "fenced", "declared_dead")


async def counts(server: ServerProcess) -> dict[str, int]:
    """What it has counted since its start."""
    async with http_client(base_url=server.http) as http:
        told = (await http.get("/metrics")).text
    found = {name: re.search(rf"^holdfast_{name}_total (\S+)$", told, re.MULTILINE) for name in COUNTED}
    return {name: int(float(match[1])) for name, match in found.items() if match is not None}


async def count_acts(tally: Counter[str], over: str, *nodes: ServerProcess) -> None:
    """Count what these servers, which live, have done since they started."""
    for node in {id(one): one for one in nodes}.values():
        for name, number in (await counts(node)).items():
            tally[f"{name} over {over}"] += number


async def count(tally: Counter[str], over: str, databases: Databases, database: str, *sessions: Watched) -> None:
    """Compare the views of each session, look up all that was seen, and count it with what the servers did that live."""
    await count_acts(tally, over, *(node for one in sessions for node in one.nodes))
    for one in sessions:
        tally[f"sockets over {over}"] += sum(isinstance(entry, Opened) for entry in one.record.trace)
        tally[f"sockets that noticed {over}, and came back"] += len(one.noticed())
        seen = await one.check(databases, database)
        assert seen
        tally[f"events seen over {over}, each of which is there"] += seen
