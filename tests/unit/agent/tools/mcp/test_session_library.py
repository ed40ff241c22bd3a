"""Prompts and resources of MCP servers: they are listed and read within bounds, and a server that fails spoils no other."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agent.redaction import Redactor
from agent.tools.mcp import CallFailed, McpServer, NotOffered, SessionLibrary
from agent.tools.mcp import session_library as module
from agent.tools.mcp.library import ServerLibrary
from tests.unit.agent.tools.mcp.servers import ServersUnderTest, everything, odd, running_servers, scripted


def offering(folder: Path, **methods: list[Any]) -> McpServer:
    """A server with prompts and resources, and these answers; `_` in a method's name stands for `/`."""
    named = {name.replace("_", "/"): lines for name, lines in methods.items()}
    return scripted(folder, [], {}, prompts={}, resources={}, methods={**_NONE, **named})


_NONE: dict[str, list[Any]] = {"prompts/list": [{"prompts": []}], "resources/list": [{"resources": []}]}


async def library_of(running: ServersUnderTest, folder: Path) -> SessionLibrary:
    """The library of a session that has begun."""

    async def save(path: str, data: bytes) -> None:
        target = folder / "saved" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    source = running.servers.for_session("ann", None, set(), save, folder)
    assert source is not None
    await source.wait_ready()
    return await source.library(Redactor())


async def only(library: SessionLibrary) -> ServerLibrary:
    (listed,) = await library.listed()
    return listed


async def test_the_reference_server_lists_prompts_and_resources_and_gives_their_text(tmp_path: Path) -> None:
    async with running_servers(tmp_path, {"ev": everything()}) as running:
        library = await library_of(running, tmp_path)
        offered = await only(library)
        prompts = {prompt.name: prompt for prompt in offered.prompts}
        asked = [(one.name, one.required) for one in prompts["args-prompt"].arguments]
        assert asked == [("city", True), ("state", False)]
        assert "Paris" in await library.prompt("ev", "args-prompt", {"city": "Paris"})
        assert offered.resources and not offered.reason
        read = await library.resource("ev", offered.resources[0].uri)
        assert "saved in the workspace as mcp/" in read and len(read) > 200
        templates = {template.uri_template: template for template in offered.templates}
        text = "demo://resource/dynamic/text/{resourceId}"
        assert [(one.name, one.required) for one in templates[text].arguments] == [("resourceId", True)]
        assert "Resource 7" in await library.resource("ev", text, {"resourceId": "7"})
        assert "Resource 8" in await library.resource("ev", "demo://resource/dynamic/text/8")
        with pytest.raises(CallFailed, match="the template needs resourceId"):
            await library.resource("ev", text)
        with pytest.raises(NotOffered):
            await library.resource("ev", offered.resources[0].uri, {"resourceId": "7"})
        with pytest.raises(CallFailed, match="needs city"):
            await library.prompt("ev", "args-prompt", {})
        with pytest.raises(CallFailed, match="does not take country"):
            await library.prompt("ev", "args-prompt", {"city": "Paris", "country": "France"})
        with pytest.raises(NotOffered):
            await library.prompt("ev", "another", {})
        with pytest.raises(NotOffered):
            await library.resource("ev", "file:///etc/passwd")
        with pytest.raises(NotOffered):
            await library.prompt("other", "args-prompt", {})


async def test_an_entry_that_cannot_be_read_is_left_out_and_no_other(tmp_path: Path) -> None:
    listed = [
        {"name": "plain", "arguments": "none", "icons": 7, "title": None},
        {"title": "without a name"},
        "words",
        {"name": "long", "arguments": [{"name": "x" * 201}]},
        {"name": "asks", "arguments": [{"name": "a", "required": "yes"}, 3, {"description": "no name"}]},
    ]
    resources = [{"name": "no address"}, {"name": "r", "uri": "test://r", "size": "large", "mimeType": 1}]
    server = offering(tmp_path, prompts_list=[{"prompts": listed}], resources_list=[{"resources": resources}])
    async with running_servers(tmp_path, {"odd": server}) as running:
        offered = await only(await library_of(running, tmp_path))
    assert [prompt.name for prompt in offered.prompts] == ["plain", "asks"]
    assert [one.name for one in offered.prompts[1].arguments] == ["a"]
    assert [resource.uri for resource in offered.resources] == ["test://r"]
    assert offered.reason == "1 of its prompts and resources are left out: too many, or too long"


async def test_templates_that_cannot_be_filled_in_are_left_out(tmp_path: Path) -> None:
    templates = [
        {"name": "page", "uriTemplate": "test://{name}{?part}", "title": "A page", "mimeType": "text/plain"},
        {"name": "broken", "uriTemplate": "test://{name"},
        {"name": "plain", "uriTemplate": "test://name"},
        {"name": "no template"},
        {"name": "long", "uriTemplate": "test://{a}" + "x" * 2_000},
    ]
    server = offering(tmp_path, resources_templates_list=[{"resourceTemplates": templates}])
    async with running_servers(tmp_path, {"odd": server}) as running:
        library = await library_of(running, tmp_path)
        offered = await only(library)
        (page,) = offered.templates
        assert (page.uri_template, page.title, page.mime_type) == ("test://{name}{?part}", "A page", "text/plain")
        assert [(one.name, one.required) for one in page.arguments] == [("name", True), ("part", False)]
        assert offered.reason.startswith("3 of its prompts and resources are left out")
        with pytest.raises(CallFailed, match="more than 2000 characters"):
            await library.resource("odd", page.uri_template, {"name": "x" * 2_000})


async def test_a_server_that_does_not_know_templates_has_none_and_lists_the_rest(tmp_path: Path) -> None:
    resources = {"resources": [{"name": "r", "uri": "test://r"}]}
    async with running_servers(tmp_path, {"odd": offering(tmp_path, resources_list=[resources])}) as running:
        offered = await only(await library_of(running, tmp_path))
    assert ([one.uri for one in offered.resources], offered.templates, offered.reason) == (["test://r"], (), "")


async def test_what_is_listed_without_end_is_bounded(tmp_path: Path) -> None:
    page = {"prompts": [{"name": f"p{number}", "description": "x" * 2_000} for number in range(100)], "nextCursor": ""}
    resources = {"resources": [{"name": "r", "uri": f"test://{number}"} for number in range(250)], "nextCursor": "on"}
    server = offering(tmp_path, prompts_list=[page], resources_list=[resources])
    async with running_servers(tmp_path, {"odd": server}) as running:
        offered = await only(await library_of(running, tmp_path))
    assert (len(offered.prompts), len(offered.prompts[0].description)) == (100, 500)
    assert len(offered.resources) == 200
    assert offered.reason.startswith("50 of its prompts and resources")


async def test_the_messages_of_a_prompt_become_one_text_and_its_pictures_files(tmp_path: Path) -> None:
    picture = {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}
    messages = [
        {"role": "user", "content": {"type": "text", "text": "Look:"}},
        {"role": "user", "content": picture},
        {"role": "assistant", "content": {"type": "text", "text": "An owl\ud800."}},
        {"role": "user", "content": {"type": "hologram"}},
    ]
    answer = json.dumps({"jsonrpc": "2.0", "id": 0, "result": {"messages": messages}}).replace('"id": 0', '"id": ID')
    server = offering(tmp_path, prompts_list=[{"prompts": [{"name": "look"}]}], prompts_get=[answer])
    async with running_servers(tmp_path, {"odd": server}) as running:
        text = await (await library_of(running, tmp_path)).prompt("odd", "look", {})
    first, saved, answered, unknown = text.split("\n\n")
    assert (first, answered) == ("user: Look:", "assistant: An owl\ufffd.")
    assert saved.startswith("user: [image (image/png, 8 bytes): saved in the workspace as mcp/")
    assert unknown == "user: [left out: a content block of the unknown type 'hologram']"
    assert len(list((tmp_path / "saved/mcp").iterdir())) == 1


async def test_the_failure_of_one_server_is_said_and_the_others_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_S", 0.2)
    silent = tmp_path / "silent"
    silent.mkdir()
    refusing = '{"jsonrpc": "2.0", "id": ID, "error": {"code": -32000, "message": "not today"}}'
    servers = {
        "refuses": offering(tmp_path, prompts_list=[refusing]),
        "silent": offering(silent, prompts_list=[]),
        "gone": odd(shared=False, cwd=str(tmp_path / "nowhere")),
        "without": odd(),
    }
    async with running_servers(tmp_path, servers) as running:
        listed = {one.server: one for one in await (await library_of(running, tmp_path)).listed()}
    assert list(listed) == ["refuses", "silent", "without", "gone"]
    assert listed["refuses"].reason == "the MCP server refuses answered with an error: not today (-32000)"
    assert listed["silent"].reason == "the MCP server silent did not answer within 0.2 s"
    assert "could not be started" in listed["gone"].reason
    assert listed["without"] == ServerLibrary("without")


async def test_those_who_look_at_the_same_time_share_one_answer(tmp_path: Path) -> None:
    prompts = [{"prompts": [{"name": "one"}]}, {"ask": "ping", "params": {}}]
    async with running_servers(tmp_path, {"odd": offering(tmp_path, prompts_list=prompts)}) as running:
        library = await library_of(running, tmp_path)
        first, second = await asyncio.gather(library.listed(), library.listed())
        assert first[0] is second[0] and [prompt.name for prompt in first[0].prompts] == ["one"]
