"""MCP servers of sessions: shared processes or their own, names that stay, tokens that reach no other server."""

import asyncio
from pathlib import Path

import msgspec
import psutil
import pytest

from agent.policy.effects import Effects
from agent.policy.policy import Policy, evaluate
from agent.tools import PreparedCall, ToolLog, ToolResult, ToolRouter
from agent.tools.mcp.servers import folder_name
from agent.util.tasks import TaskOwner
from tests.support.polling import eventually
from tests.support.prepared_calls import effects_of
from tests.unit.agent.tools.mcp.servers import HttpServer, Session, alive, entry, noted, odd, running_servers, scripted


async def pid(session: Session, tool: str = "whoami") -> int:
    return int((await session.answer(tool))["pid"])


async def test_two_sessions_share_one_process_which_outlives_them(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd()}) as running:
        ann, bob = await running.session("ann"), await running.session("bob")
        assert await pid(ann) == await pid(bob)
        await ann.router.aclose()
        assert alive(await pid(bob))


async def test_a_server_that_is_not_shared_ends_with_its_session(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd(shared=False)}) as running:
        ann, bob = await running.session("ann"), await running.session("bob")
        hers, his = await pid(ann), await pid(bob)
        assert hers != his
        assert running.servers.statuses()[0].state == "per_session"
        await ann.router.aclose()
        assert not alive(hers) and alive(his)
        gone = await ann.run("echo", text="x")
        assert not gone.success and "it was closed" in gone.output


async def test_a_sessions_own_server_works_in_its_workspace_and_has_it_as_its_root(tmp_path: Path) -> None:
    fields = {"name": "roots", "inputSchema": {"type": "object"}}
    server = scripted(tmp_path, [fields], {"roots": [{"ask": "roots/list", "params": {}}]})
    own = msgspec.structs.replace(server, shared=False)
    servers = {"own": own, "odd": odd("--only", "where", shared=False, cwd=str(tmp_path)), "cwd": odd(shared=False)}
    async with running_servers(tmp_path, servers) as running:
        ann = await running.session("ann")
        workspace = tmp_path / "session-0"
        assert (await ann.answer("whoami"))["cwd"] == str(workspace)
        assert workspace.as_uri() in (await ann.run("roots")).output
        where = psutil.Process(int((await ann.run("where")).output.split()[-1]))
        assert where.cwd() == str(tmp_path)


async def test_a_shared_server_works_in_a_folder_of_its_own_which_is_no_root(tmp_path: Path) -> None:
    fields = {"name": "roots", "inputSchema": {"type": "object"}}
    server = scripted(tmp_path, [fields], {"roots": [{"ask": "roots/list", "params": {}}]})
    servers = {"roots": server, "odd/../one": odd("--only", "where"), "here": odd("--only", "here", cwd=".")}
    async with running_servers(tmp_path, servers) as running:
        ann = await running.session("ann")
        assert "workspace" not in (await ann.run("roots")).output
        where = psutil.Process(int((await ann.run("where")).output.split()[-1]))
        assert where.cwd() == str(tmp_path / "mcp" / folder_name("odd/../one"))
        here = psutil.Process(int((await ann.run("here")).output.split()[-1]))
        assert here.cwd() == str(Path.cwd())


def test_the_folder_of_a_server_is_one_below_the_others_whatever_its_name() -> None:
    names = ["time", "a/b", "a_b", "..", ".", "ä", "a b"]
    folders = [folder_name(name) for name in names]
    assert folders[0] == "time" and len(set(folders)) == len(names)
    assert all("/" not in folder and not folder.startswith(".") for folder in folders)


async def test_a_slow_server_delays_no_model_call_and_a_call_waits_for_it(tmp_path: Path, tasks: TaskOwner) -> None:
    begin = tmp_path / "begin"
    async with running_servers(tmp_path, {"odd": odd("--after", str(begin))}) as running:
        session = Session(running.servers, tmp_path / "s", "ann", None, [])
        await session.router.prepare_model_call()
        assert session.names() == []
        early = tasks.start(session.run("echo", text="x"), "call")
        begin.touch()
        assert (await early).output == "x"
        assert "echo" in session.names()


async def test_the_first_model_call_waits_for_the_sessions_own_servers_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.tools.mcp.servers.OWN_WAIT_S", 20.0)
    async with running_servers(tmp_path, {"odd": odd(shared=False)}) as running:
        session = Session(running.servers, tmp_path / "s", "ann", None, [])
        await session.router.prepare_model_call()
        assert "echo" in session.names()
        await session.router.aclose()


async def test_a_session_that_ended_before_it_needed_its_server_starts_none(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd(shared=False, folder=tmp_path)}) as running:
        session = Session(running.servers, tmp_path / "s", "ann", None, [])
        await session.router.aclose()
        assert not (await session.run("echo", text="x")).success
        assert not noted(tmp_path, "started")


async def test_an_owners_token_reaches_the_owners_process_and_no_other(tmp_path: Path) -> None:
    servers = {"own": odd(owner_token=True, owner_token_env="HUB_TOKEN"), "all": odd("--only", "common")}
    async with running_servers(tmp_path, servers) as running:
        ann, bob = await running.session("ann", "hf_anns_token"), await running.session("bob", "hf_bobs_token")
        hers, his = await ann.answer("whoami"), await bob.answer("whoami")
        assert (hers["env"]["HUB_TOKEN"], his["env"]["HUB_TOKEN"]) == ("hf_anns_token", "hf_bobs_token")
        assert "hf_bobs_token" not in str(hers) and "hf_anns_token" not in str(his)
        shared = int((await ann.run("common")).output.split()[-1])
        environ = str(psutil.Process(shared).environ())
        assert "hf_anns_token" not in environ and "hf_bobs_token" not in environ


async def test_an_owners_token_is_sent_over_http_to_whom_it_is_meant_for(tmp_path: Path) -> None:
    async with HttpServer.odd() as server:
        servers = {"own": entry(url=server.url, owner_token=True), "all": entry(url=server.url, headers={"X-A": "b"})}
        async with running_servers(tmp_path, servers) as running:
            ann, bob = await running.session("ann", "hf_anns_token"), await running.session("bob", "hf_bobs_token")
            assert (await ann.answer("own_whoami"))["authorization"] == "Bearer hf_anns_token"
            assert (await bob.answer("own_whoami"))["authorization"] == "Bearer hf_bobs_token"
            assert (await bob.answer("all_whoami"))["authorization"] == ""


async def test_without_the_owners_token_the_error_says_what_is_missing(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"own": odd(owner_token=True, folder=tmp_path)}) as running:
        session = await running.session("ann", None)
        assert session.names() == []
        assert "its owner's Hugging Face token" in (await session.run("echo", text="x")).output
        assert not noted(tmp_path, "started")


async def test_names_that_collide_have_the_servers_name_in_front_and_never_change_their_meaning(tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    servers = {
        "first": odd("--only", "search"),
        "second": odd("--only", "search", "--after", str(begin)),
        "third": odd("--only", "read it!"),
        "fourth": odd("--only", "plan"),
    }
    async with running_servers(tmp_path, servers, ready_wait_s=0.01) as running:
        session = await running.session(tools=[Plan()])
        await eventually(lambda: len(session.names()) == 4, "three servers")
        assert session.names() == ["fourth_plan", "plan", "search", "third_read_it_"]
        approved = effects_of(session.router, "search", {})
        begin.touch()
        await eventually(lambda: "second_search" in session.names(), "the second")
        assert session.names() == ["first_search", "fourth_plan", "plan", "second_search", "third_read_it_"]
        assert "first" in approved.description
        stale = await session.run("search")
        assert not stale.success and "first no longer has a tool under this name" in stale.output
        assert (await session.run("third_read_it_")).output.startswith("read it! of")


async def test_a_grant_for_one_server_does_not_hold_for_a_tool_of_another(
    tmp_path: Path,
) -> None:
    never = str(tmp_path / "never")
    granted: list[str] = []
    for late, there in (("second", "first"), ("first", "second")):
        servers = {there: odd("--only", "search"), late: odd("--only", "search", "--after", never)}
        async with running_servers(tmp_path, servers, ready_wait_s=0.01) as running:
            session = await running.session()  # woken anew: what names it gave before is forgotten
            await eventually(lambda: session.names() == ["search"], there)  # noqa: B023  # it is over when the loop goes on
            found = evaluate(Policy(), "search", {}, effects_of(session.router, "search", {}), granted)
            assert found.action == "ask" and found.grant is not None and found.grant.startswith(f"search:{there}@")
            granted.append(found.grant)


class Plan:
    """A built-in tool."""

    name = "plan"
    description = "The built-in one."
    parameters: dict[str, object] = {"type": "object", "properties": {}}
    side_effects: str | None = None

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        return PreparedCall(self, arguments, Effects())

    async def execute(self, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        return ToolResult(output="planned", success=True)


def verdict(router: ToolRouter, tool: str, **arguments: object) -> str:
    return evaluate(Policy(), tool, arguments, effects_of(router, tool, arguments)).action


async def test_calls_need_approval_unless_a_trusted_server_annotates_them_read_only(tmp_path: Path) -> None:
    servers = {"own": odd(trusted=True), "other": odd()}
    async with running_servers(tmp_path, servers) as running:
        router = (await running.session()).router
        assert verdict(router, "own_whoami") == "allow"
        assert verdict(router, "other_whoami") == "ask"
        assert verdict(router, "own_echo", text="a") == "ask"
        assert effects_of(router, "own_wipe", {}).kinds == {"external", "delete"}
        assert router.side_effects("own_whoami") is None
        assert router.side_effects("own_echo") == "what the MCP server own did"


async def test_a_server_takes_so_many_calls_at_once_and_no_more(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd(folder=tmp_path)}, calls_max=1) as running:
        session = await running.session()
        async with asyncio.timeout(30):
            holding = asyncio.gather(session.run("hold"))
            await eventually(lambda: noted(tmp_path, "holding"), "the first call")
            second = await session.run("echo", text="x")
            assert not second.success and "not run" in second.output and "already has 1 calls running" in second.output
            holding.cancel()


async def test_only_the_tools_that_are_listed_are_taken_and_so_many(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd(tools=["echo", "steps"])}) as running:
        assert (await running.session()).names() == ["echo", "steps"]
    async with running_servers(tmp_path, {"odd": odd()}, tools_max=3) as running:
        assert len((await running.session()).names()) == 3


async def test_a_disabled_server_is_not_started(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"odd": odd(disabled=True, folder=tmp_path)}) as running:
        assert (await running.session()).names() == []
        assert running.servers.statuses() == []
    assert not noted(tmp_path, "started")
