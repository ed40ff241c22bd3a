"""Routes of a session's tools, and of what MCP servers offer to users: list their prompts and resources, and get the text of one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent.tools.mcp import CallFailed, NotOffered, SessionLibrary
from agent.tools.router import ToolRouter
from server.http import schemas
from server.http.bodies import SMALL_BYTES, read_small
from server.http.endpoints import SESSION, Endpoint
from server.http.requests import authorized_row, bad_request
from server.http.responses import json_response
from server.journal.base import SessionRow
from server.journal.nodes.base import OwnedElsewhere
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal

Wanted = TypeVar("Wanted", schemas.PromptRequest, schemas.ResourceRequest)


class McpRoutes:
    """Handlers of the routes of prompts and resources."""

    def __init__(self, manager: SessionManager, open_tools: Callable[[SessionRow], Awaitable[ToolRouter]]) -> None:
        """`open_tools`: tools of the session, for a moment, where another server runs it."""
        self._manager = manager
        self._open_tools = open_tools

    async def list(self, request: Request) -> Response:
        """List the prompts and resources of a session's MCP servers."""
        row = await authorized_row(self._manager, request, "drive")
        async with self._tools(row) as tools:
            opener = tools.library
            return json_response(schemas.McpLibrary([] if opener is None else await (await opener()).listed()))

    async def tools(self, request: Request) -> Response:
        """List the tools of a session."""
        row = await authorized_row(self._manager, request, "drive")
        async with self._tools(row) as tools:
            return json_response(schemas.SessionTools(await tools.summaries()))

    async def prompt(self, request: Request) -> Response:
        """Get the text of a prompt."""
        return await self._text(request, schemas.PromptRequest, _prompt)

    async def resource(self, request: Request) -> Response:
        """Get the text of a resource."""
        return await self._text(request, schemas.ResourceRequest, _resource)

    async def _text(
        self, request: Request, kind: type[Wanted], read: Callable[[SessionLibrary, Wanted], Awaitable[str]]
    ) -> Response:
        row = await authorized_row(self._manager, request, "drive")
        body = await read_small(request, SMALL_BYTES)
        if body is None:
            return HTTPRefusal("too_large", f"the body is larger than {SMALL_BYTES} bytes").as_response()
        try:
            wanted = msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise bad_request(f"the body must name a server, and what is wanted of it: {error}") from error
        try:
            async with self._tools(row) as tools:
                opener = tools.library
                if opener is None:
                    raise NotOffered("there are no MCP servers")
                text = await read(await opener(), wanted)
        except NotOffered as error:
            return HTTPRefusal("not_found", str(error)).as_response()
        except CallFailed as error:
            return HTTPRefusal("mcp_failed", str(error)).as_response()
        return json_response(schemas.McpText(text))

    @asynccontextmanager
    async def _tools(self, row: SessionRow) -> AsyncIterator[ToolRouter]:
        try:
            async with self._manager.registry.activated(row.session_id, row.user_id) as actor:
                tools = actor.tools
        except OwnedElsewhere:
            tools = await self._open_tools(row)
            try:
                yield tools
            finally:
                await tools.aclose()
        else:
            yield tools


async def _prompt(library: SessionLibrary, wanted: schemas.PromptRequest) -> str:
    return await library.prompt(wanted.server, wanted.prompt, wanted.arguments)


async def _resource(library: SessionLibrary, wanted: schemas.ResourceRequest) -> str:
    return await library.resource(wanted.server, wanted.resource, wanted.arguments)


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path=f"{SESSION}/mcp",
        needs="session",
        handler=McpRoutes.list,
        name="Mcp_list",
        answers={200: schemas.McpLibrary},
        refusals=(404, 429, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/tools",
        needs="session",
        handler=McpRoutes.tools,
        name="tools",
        answers={200: schemas.SessionTools},
        refusals=(404, 429, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{SESSION}/mcp/prompt",
        needs="session",
        handler=McpRoutes.prompt,
        name="Mcp_prompt",
        body=schemas.PromptRequest,
        answers={200: schemas.McpText},
        refusals=(404, 408, 413, 502, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{SESSION}/mcp/resource",
        needs="session",
        handler=McpRoutes.resource,
        name="Mcp_resource",
        body=schemas.ResourceRequest,
        answers={200: schemas.McpText},
        refusals=(404, 408, 413, 502, 503),
    ),
)
