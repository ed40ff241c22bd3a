"""Offering: models get a bounded number of tools, of each server some, and find the others."""

import json
from pathlib import Path

from agent.tools.mcp.offering import KEPT_MAX, offered
from tests.unit.agent.tools.mcp.servers import odd, running_servers, scripted


def named(**servers: int) -> dict[str, tuple[str, str]]:
    return {
        f"{server}{number:03}": (server, str(number)) for server, count in servers.items() for number in range(count)
    }


def test_few_tools_are_all_offered() -> None:
    assert offered(named(a=3, b=2), 5) == set(named(a=3, b=2))


def test_each_server_has_its_turn_and_what_was_found_comes_first() -> None:
    tools = named(a=100, b=2)
    assert offered(tools, 6) == {"a000", "a001", "a002", "a003", "b000", "b001"}
    assert offered(tools, 6, ["a099", "gone"]) == {"a099", "a000", "a001", "a002", "b000", "b001"}
    assert len(offered(tools, 6, list(tools))) == 6
    assert len(offered(named(a=500), 200, sorted(named(a=500), reverse=True)[: 2 * KEPT_MAX])) == 200


async def test_a_model_finds_the_tools_that_it_was_not_given_and_may_then_call_them(tmp_path: Path) -> None:
    tools = [{"name": f"t{number}", "description": f"Number {number}."} for number in range(9)]
    tools.append({"name": "zebra_paint", "description": "Paints stripes."})
    server = scripted(tmp_path, tools, {"zebra_paint": [{"content": [{"type": "text", "text": "striped"}]}]})
    async with running_servers(tmp_path, {"zoo": server, "odd": odd("--only", "one")}, offered_max=3) as running:
        session = await running.session()
        assert session.names() == ["find_tools", "one", "t0", "t1"]
        (zoo, _) = running.servers.statuses()
        reason = "the servers have more than 3 tools; models find it with find_tools"
        assert [(one.name, one.reason) for one in zoo.left_out][-1] == ("zebra_paint", reason)
        assert "no tool has one of these words" in (await session.run("find_tools", query="xylophone")).output
        assert not (await session.run("find_tools", query=" ")).success
        found = await session.run("find_tools", query="paint the stripes")
        assert found.output.startswith("zebra_paint: Paints stripes.")
        assert "zebra_paint" in session.names() and len(session.names()) == 4
        assert (await session.run("zebra_paint")).output == "striped"
        assert json.dumps(session.spec("zebra_paint"))
