"""Relay: stands in front of a real AG-UI endpoint and changes what it is asked and what it says, as a faulty one would."""

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agent.util.tasks import TaskOwner

Event = dict[str, Any]


class Fault:
    """What is changed."""

    def request(self, run: Event) -> Event:
        """The body of a run, as the endpoint gets it."""
        return run

    def events(self, event: Event) -> list[Event]:
        """What the client gets instead of this event."""
        return [event]


@contextlib.asynccontextmanager
async def relayed(endpoint: str, fault: Fault) -> AsyncIterator[str]:
    """The address of a relay to this endpoint."""
    async with httpx.AsyncClient(timeout=30.0, trust_env=False) as http:

        async def relay(request: Request) -> Response:
            run = fault.request(msgspec.json.decode(await request.body()))
            answer = await http.send(http.build_request("POST", endpoint, json=run), stream=True)
            return StreamingResponse(_changed(answer, fault), answer.status_code, media_type="text/event-stream")

        listening, tasks = socket.create_server(("127.0.0.1", 0)), TaskOwner("relay")
        app = Starlette(routes=[Route("/", relay, methods=["POST"])])
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        task = tasks.start(running.serve([listening]), "relay")
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            running.should_exit = True
            await task
            await tasks.aclose()


async def _changed(answer: httpx.Response, fault: Fault) -> AsyncIterator[str]:
    try:
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                for event in fault.events(msgspec.json.decode(line[5:])):
                    yield f"data: {msgspec.json.encode(event).decode()}\n\n"
    finally:
        await answer.aclose()
