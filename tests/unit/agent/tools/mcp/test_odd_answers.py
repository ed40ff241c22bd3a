"""Odd answers of MCP servers: a call that was done keeps its text, and one whose answer cannot be had says so."""

import json
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from agent.tools.mcp import try_server
from server.config.server import ServerSettings
from server.config.settings import Settings
from tests.unit.agent.tools.mcp.servers import entry, running_servers, scripted
from tests.unit.server.serving import serving

WORDS = {"content": [{"type": "text", "text": "USEFUL TEXT"}]}


def tool(name: str, schema: Any = None, **fields: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"} if schema is None else schema, **fields}


async def test_the_text_of_a_call_that_was_done_is_kept_whatever_else_is_odd(tmp_path: Path) -> None:
    number = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    itself = {"$ref": "#"}
    tools = [
        tool("no_structure", outputSchema=number),
        tool("other_structure", outputSchema=number),
        tool("no_schema", outputSchema=itself),
        tool("half_an_emoji"),
        tool("unknown_block"),
    ]
    half = '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"a\\ud800b"}]}}'
    answers: dict[str, list[Any]] = {
        "no_structure": [WORDS],
        "other_structure": [{**WORDS, "structuredContent": {"n": "one"}}],
        "no_schema": [WORDS],
        "half_an_emoji": [half],
        "unknown_block": [{"content": [{"type": "hologram"}, *WORDS["content"]]}],
    }
    async with running_servers(tmp_path, {"odd": scripted(tmp_path, tools, answers)}) as running:
        session = await running.session()
        for name in ("no_structure", "other_structure", "no_schema"):
            result = await session.run(name)
            assert (result.success, result.output) == (True, "USEFUL TEXT"), name
        assert (await session.run("half_an_emoji")).output == "a\ufffdb"
        blocks = await session.run("unknown_block")
        assert blocks.output == "[left out: a content block of the unknown type 'hologram']\nUSEFUL TEXT"


async def test_an_answer_without_a_result_fails_the_call_at_once(tmp_path: Path) -> None:
    server = scripted(tmp_path, [tool("none")], {"none": ['{"jsonrpc":"2.0","id":ID,"result":null}']})
    async with running_servers(tmp_path, {"odd": server}) as running:
        result = await (await running.session()).run("none")
        assert not result.success
        assert result.output == "the answer of the MCP server odd is refused: it has an unknown form"


async def test_one_odd_tool_does_not_take_the_others_away_and_is_named(tmp_path: Path) -> None:
    app = {"_meta": {"ui": {"visibility": ["app"]}}}
    tools = [
        tool("empty", {}),
        tool("null", {"type": None}),
        tool("listed", {"type": ["object"]}),
        tool("text", {"type": "string"}),
        tool("app", **app),
        tool("task", execution={"taskSupport": "required"}),
    ]
    server = scripted(tmp_path, tools, {})
    async with running_servers(tmp_path, {"odd": server}) as running:
        assert (await running.session()).names() == ["empty", "listed", "null"]
        (status,) = running.servers.statuses()
    left_out = {one.name: one.reason for one in status.left_out}
    assert left_out == {
        "app": "it is for a user interface, not for models",
        "task": "it can only be called as a task, which is not supported",
        "text": "its arguments are not an object",
    }
    assert (await try_server("odd", server)).left_out == status.left_out


async def test_required_arguments_with_a_default_need_not_be_given(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"scale": {"type": "string", "default": "css"}, "file": {"type": "string"}},
        "required": ["scale", "file"],
    }
    server = scripted(tmp_path, [tool("shot", schema)], {"shot": [{"arguments": True}]})
    async with running_servers(tmp_path, {"odd": server}) as running:
        session = await running.session()
        assert await session.answer("shot", file="a") == {"file": "a", "scale": "css"}
        assert '"file" is a required property' in (await session.run("shot")).output


def http_app(call: Response) -> Starlette:
    """A server over HTTP that has one tool and gives this response to its call."""

    async def answer(request: Request) -> Response:
        message = json.loads(await request.body()) if request.method == "POST" else {}
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "a", "version": "1"},
            },
            "tools/list": {"tools": [tool("work")]},
        }
        if message.get("method") == "tools/call":
            return call
        if message.get("method") in results:
            result = results[message["method"]]
            return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})
        return Response(status_code=202 if "id" not in message and message else 405)

    return Starlette(routes=[Route("/mcp", answer, methods=["GET", "POST", "DELETE"])])


async def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown_in_our_words(tmp_path: Path) -> None:
    settings = Settings(server=ServerSettings(port=0, graceful_shutdown_s=0.1))
    for odd in (JSONResponse({}), JSONResponse({"jsonrpc": "2.0"}), Response(b"{", media_type="application/json")):
        async with serving(http_app(odd), settings) as server:
            url = f"http://127.0.0.1:{server.port}/mcp"
            async with running_servers(tmp_path, {"odd": entry(url=url)}) as running:
                result = await (await running.session()).run("work")
        assert (result.success, result.outcome_unknown) == (False, True)
        assert result.output == (
            "the answer of the MCP server odd was lost or cannot be read: "
            "the outcome is unknown, and it may have had effects"
        )


async def test_a_server_that_lets_nobody_in_is_quoted_without_secrets(tmp_path: Path) -> None:
    settings = Settings(server=ServerSettings(port=0, graceful_shutdown_s=0.1))
    refusals = {
        "Access is only allowed at localhost:8931": "it answers 403: 'Access is only allowed at localhost:8931'",
        "no: Bearer of-the-config": "it answers 403: check the credentials in the config's headers, and the host in its url",
        "<html>": "it answers 403: check the credentials in the config's headers, and the host in its url",
    }
    for words, reason in refusals.items():
        app = Starlette(routes=[Route("/mcp", _Refuse(words), methods=["GET", "POST"])])
        async with serving(app, settings) as server:
            url = f"http://127.0.0.1:{server.port}/mcp"
            status = await try_server("shut", entry(url=url, headers={"Authorization": "Bearer of-the-config"}))
        assert (status.state, status.reason) == ("down", reason)


class _Refuse:
    """An endpoint that answers 403 in these words."""

    def __init__(self, words: str) -> None:
        self._words = words

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(self._words, status_code=403)(scope, receive, send)
