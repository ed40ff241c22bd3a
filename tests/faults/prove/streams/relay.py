"""Relay: stands in front of a real server of Durable Streams and changes what it says, as a faulty server would."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agent.util.tasks import TaskOwner
from tests.support.network.ports import free_port

Messages = list[dict[str, Any]]


class Fault:
    """What is changed."""

    def request(self, headers: dict[str, str]) -> dict[str, str]:
        """The headers of an append, as the server gets them."""
        return headers

    def messages(self, messages: Messages, offset: str) -> Messages:
        """What a reader that asked for this offset gets instead of these."""
        return messages


@contextlib.asynccontextmanager
async def relayed(server: str, fault: Fault) -> AsyncIterator[str]:
    """The address of a relay to this server."""
    async with httpx.AsyncClient(base_url=server, timeout=30.0, trust_env=False) as http:

        async def relay(request: Request) -> Response:
            kept = {"content-type", "producer-id", "producer-epoch", "producer-seq"}
            headers = fault.request({name: value for name, value in request.headers.items() if name in kept})
            url = f"{request.url.path}?{request.url.query}"
            asked = http.build_request(request.method, url, headers=headers, content=await request.body())
            answer = await http.send(asked, stream=True)
            names = ("content-type", "stream-next-offset", "stream-up-to-date", "producer-seq")
            given = {name: answer.headers[name] for name in names if name in answer.headers}
            offset = request.query_params.get("offset", "")
            if given.get("content-type", "").startswith("text/event-stream"):
                lines = _lines(answer, lambda messages: fault.messages(messages, offset))
                return StreamingResponse(lines, answer.status_code, given)
            body = await answer.aread()
            if request.method == "GET" and body:
                body = msgspec.json.encode(fault.messages(msgspec.json.decode(body), offset))
            return Response(body, answer.status_code, given)

        port, tasks = free_port(), TaskOwner("relay")
        app = Starlette(routes=[Route("/{path:path}", relay, methods=["GET", "PUT", "POST"])])
        config = uvicorn.Config(app, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        task = tasks.start(running.serve(), "relay")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.should_exit = True
            await task
            await tasks.aclose()


async def _lines(answer: httpx.Response, change: Callable[[Messages], Messages]) -> AsyncIterator[str]:
    kind = ""
    try:
        async for line in answer.aiter_lines():
            kind = line.partition(":")[2].strip() if line.startswith("event:") else kind
            if line.startswith("data:") and kind == "data":
                line = f"data:{msgspec.json.encode(change(msgspec.json.decode(line[5:]))).decode()}"
            yield f"{line}\n"
    finally:
        await answer.aclose()
