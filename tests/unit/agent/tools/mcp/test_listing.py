"""Lists of tools: what is unchanged is kept, what is too large is left out, and a definition has a digest of all its parts."""

from pathlib import Path

import msgspec
import pytest
from mcp.types import Tool, ToolAnnotations

from agent.tools.mcp import listing
from agent.tools.mcp.listing import PAGES_MAX, LeftOut, Listing, definition_of, read_tools
from tests.unit.agent.tools.mcp.servers import running_servers, scripted

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def tool(name: str = "a", description: str = "words", **fields: object) -> Tool:
    return Tool.model_validate({"name": name, "description": description, "inputSchema": SCHEMA, **fields})


def test_every_part_of_a_definition_changes_its_digest_and_the_order_of_keys_does_not() -> None:
    other = {"type": "object", "properties": {"a": {"type": "integer"}}}
    turned = {"properties": {"a": {"type": "string"}}, "type": "object"}
    digests = {
        definition_of(tool()),
        definition_of(tool(name="b")),
        definition_of(tool(description="other words")),
        definition_of(tool(title="A title")),
        definition_of(tool(inputSchema=other)),
        definition_of(tool(annotations=ToolAnnotations(read_only_hint=True))),
    }
    assert len(digests) == 6
    assert definition_of(tool()) == definition_of(tool(inputSchema=turned))


async def test_tools_that_did_not_change_are_not_read_again() -> None:
    before = (await read_tools(Listing((tool("a"), tool("b"))))).tools
    after = (await read_tools(Listing((tool("a"), tool("b", description="new"))), before)).tools
    assert after[0] is before[0] and after[1] is not before[1]


async def test_tools_that_are_too_large_together_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "DEFINITIONS_BYTES_MAX", 250)
    found = await read_tools(Listing(tuple(tool(f"t{number}") for number in range(9))))
    assert 0 < len(found.tools) < 9
    reason = "the tools of the server are larger than 250 bytes"
    assert found.left_out == tuple(LeftOut(f"t{number}", reason) for number in range(len(found.tools), 9))


@pytest.mark.parametrize(("cursor", "pages"), [("", 1), ("on", 2), ("new", PAGES_MAX)])
async def test_a_list_without_end_is_read_so_far_and_its_tools_count_once(
    tmp_path: Path, cursor: str, pages: int
) -> None:
    server = scripted(tmp_path, [{"name": "a", "inputSchema": {"type": "object"}}], {}, cursor=cursor)
    server = msgspec.structs.replace(server, args=[*server.args, "--folder", str(tmp_path)])
    async with running_servers(tmp_path, {"odd": server}) as running:
        assert (await running.session()).names() == ["a"]
        assert len(list(tmp_path.glob("listing-*"))) == pages
        (status,) = running.servers.statuses()
    assert [one.name for one in status.left_out] == (["..."] if cursor == "new" else [])


async def test_a_tool_with_a_schema_that_no_provider_takes_is_left_out_alone_and_named() -> None:
    odd = tool("odd", inputSchema={"type": "object", "properties": {"what is it?": {}}})
    found = await read_tools(Listing((tool("a"), odd)))
    assert [one.name for one in found.tools] == ["a"]
    assert found.left_out == (LeftOut("odd", "providers do not accept the name of one of its arguments"),)
