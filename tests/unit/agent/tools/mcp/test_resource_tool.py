"""Tool `read_resource`: the model lists and reads resources of MCP servers, within the bounds of results, as the policy says."""

import asyncio
from pathlib import Path
from typing import Any

from agent.policy.effects import Effects
from agent.tools.mcp import READ_RESOURCE, McpServer
from tests.support.polling import eventually
from tests.support.prepared_calls import complaint_of, effects_of
from tests.unit.agent.tools.mcp.servers import Session, everything, odd, running_servers, scripted

NOTE = {"name": "note", "uri": "test://note", "mimeType": "text/plain", "description": "A\nnote."}
TEMPLATE = {"name": "page", "uriTemplate": "test://pages/{name}{?part}"}
CHANGED = '{"jsonrpc": "2.0", "method": "notifications/resources/list_changed"}'
DONE = {"content": [{"type": "text", "text": "done"}]}


def offering(folder: Path, *listed: Any, read: str = "so it says", **fields: Any) -> McpServer:
    """A server with these answers to the requests for its resources, a template, and the tool `tell` that says they changed."""
    folder.mkdir(exist_ok=True)
    methods: dict[str, list[Any]] = {
        "resources/list": [[{"resources": resources}] for resources in listed],
        "resources/templates/list": [{"resourceTemplates": [TEMPLATE] if listed[-1] else []}],
        "resources/read": [{"contents": [{"uri": "test://note", "text": read}]}],
    }
    tell = {"name": "tell", "inputSchema": {"type": "object"}}
    made = scripted(folder, [tell], {"tell": [CHANGED, DONE]}, resources={}, methods=methods)
    return McpServer(command=made.command, args=made.args, **fields)


async def has_tool(session: Session) -> None:
    await eventually(lambda: READ_RESOURCE in session.names(), "the tool")


async def test_the_model_lists_resources_and_templates_and_reads_them(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"ev": everything()}) as running:
        session = await running.session()
        await has_tool(session)
        listed = (await session.run(READ_RESOURCE)).output
        assert "- demo://resource/static/document/features.md (features.md; text/markdown; " in listed
        assert "- demo://resource/dynamic/text/{resourceId} (" in listed
        read = await session.run(READ_RESOURCE, uri="demo://resource/dynamic/text/7")
        assert read.success and "saved in the workspace as mcp/7-" in read.output
        assert "Resource 7: This is a plaintext resource" in read.output
        other = await session.run(READ_RESOURCE, server="ev", uri="file:///etc/passwd")
        assert not other.success
        assert "has no resource 'file:///etc/passwd' now; without `uri` this tool lists what there is" in other.output


async def test_there_is_no_tool_where_no_server_has_resources(tmp_path: Path) -> None:
    servers = {"empty": offering(tmp_path / "empty", []), "without": odd()}
    async with running_servers(tmp_path, servers) as running:
        session = await running.session()
        assert (await session.run("tell")).success  # asked later, and so answered later, than whether it has resources
        assert READ_RESOURCE not in session.names()
        assert "there is no tool" in (await session.run(READ_RESOURCE)).output


async def test_the_tool_appears_when_a_server_says_that_its_resources_changed(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"late": offering(tmp_path / "late", [], [NOTE])}, check_s=60.0) as running:
        session = await running.session()
        assert (await session.run("tell")).success
        await has_tool(session)
        assert "- test://note (note; text/plain; A note.)" in (await session.run(READ_RESOURCE)).output


async def test_reading_asks_unless_the_server_is_trusted_and_listing_does_not(tmp_path: Path) -> None:
    servers = {
        "strange": offering(tmp_path / "a", [NOTE]),
        "known": offering(tmp_path / "b", [NOTE], trusted=True),
    }
    async with running_servers(tmp_path, servers) as running:
        session = await running.session()
        await eventually(lambda: "strange, known" in str(session.router.specs()), "both servers")
        router = session.router
        assert effects_of(router, READ_RESOURCE, {}).kinds == frozenset()
        ask = effects_of(router, READ_RESOURCE, {"server": "strange", "uri": "test://note"})
        assert ask == Effects("reads test://note of the MCP server strange", frozenset({"external"}), "strange")
        assert effects_of(router, READ_RESOURCE, {"server": "known", "uri": "test://note"}).kinds == frozenset()
        assert router.side_effects(READ_RESOURCE) is None
        only = await session.run(READ_RESOURCE, server="known")
        assert "Resources of known:" in only.output and "strange" not in only.output


async def test_arguments_that_do_not_fit_are_refused_with_a_reason(tmp_path: Path) -> None:
    servers = {"a": offering(tmp_path / "a", [NOTE]), "b": offering(tmp_path / "b", [NOTE])}
    async with running_servers(tmp_path, servers) as running:
        session = await running.session()
        await eventually(lambda: "a, b" in str(session.router.specs()), "both servers")

        def complaint(**arguments: object) -> str:
            return complaint_of(session.router, READ_RESOURCE, arguments) or ""

        assert "no server 'c' has resources; these have: a, b" in complaint(server="c")
        assert "`server` is missing; these have resources: a, b" in complaint(uri="test://note")
        assert "`uri` must be text of at most 2000 characters" in complaint(server="a", uri="x" * 2_001)
        assert "there is no argument `path`" in complaint(path="a")
        assert complaint(server="a", uri=None) == ""


async def test_what_is_read_has_the_bounds_of_results(tmp_path: Path) -> None:
    server = offering(tmp_path / "long", [NOTE], read="x" * 30_000)
    async with running_servers(tmp_path, {"long": server}) as running:
        session = await running.session()
        await has_tool(session)
        read = await session.run(READ_RESOURCE, uri="test://note")
        about, _, text = read.output.partition("\n")
        assert "(text/plain, 30000 bytes): saved in the workspace as mcp/" in about
        assert text == "x" * 10_000 + "\n[... the rest is in the file]"
        (file,) = await asyncio.to_thread(lambda: list((session.workspace.root / "mcp").iterdir()))
        assert file.stat().st_size == 30_000


async def test_a_uri_made_from_a_template_is_read(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"a": offering(tmp_path / "a", [NOTE])}) as running:
        session = await running.session()
        await has_tool(session)
        assert (await session.run(READ_RESOURCE, uri="test://pages/one")).success
        assert (await session.run(READ_RESOURCE, uri="test://pages/one?part=2")).success
        assert not (await session.run(READ_RESOURCE, uri="test://pages/one/two")).success
