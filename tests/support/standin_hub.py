"""The Hugging Face Hub on loopback, in the place of the network: whose token is this."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.server.serving import serving, settings_for


class StandinHub:
    """`users`: by token, its user's name; the id follows from the name. `status`: an answer for everybody instead."""

    def __init__(self) -> None:
        self.url = ""
        self.users: dict[str, str] = {}
        self.kind = "user"
        self.status: int | None = None
        self.asked: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()
        self.busy = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0

    async def whoami(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.asked[token] += 1
        self.at_once += 1
        self.busy.set()
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
        finally:
            self.at_once -= 1
        if self.status is not None:
            return JSONResponse({"error": "not now"}, self.status)
        name = self.users.get(token)
        if name is None:
            return JSONResponse({"error": "Invalid credentials in Authorization header"}, 401)
        return JSONResponse({"type": self.kind, "id": f"id-{name}", "name": name, "auth": {"type": "access_token"}})


@contextlib.asynccontextmanager
async def standin_hub() -> AsyncIterator[StandinHub]:
    """The Hub, listening."""
    hub = StandinHub()
    app = Starlette(routes=[Route("/api/whoami-v2", hub.whoami)])
    async with serving(app, settings_for()) as running:
        hub.url = f"http://127.0.0.1:{running.port}"
        yield hub
