"""Stand-in for the Hugging Face Hub on loopback: one app of all its parts, and whose token is whose."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.support.hub.hub_faults import HubFaults
from tests.support.hub.standin_repos import StandinRepos
from tests.unit.server.serving import serving, settings_for


class StandinHub:
    """`users`: by token, its user's name; the id follows from the name. `status`: an answer of whoami for everybody.

    `repos`: its repositories. `faults`: what goes wrong on any route, and all requests.
    """

    def __init__(self) -> None:
        self.url = ""
        self.users: dict[str, str] = {}
        self.kind = "user"
        self.status: int | None = None
        self.requests: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()
        self.busy = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0
        self.faults = HubFaults()
        self.repos = StandinRepos(self.users.get, lambda: self.url)

    async def whoami(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.requests[token] += 1
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
async def standin_hub(*parts: Callable[[StandinHub], list[BaseRoute]]) -> AsyncIterator[StandinHub]:
    """The Hub, listening. `parts` give the routes of what it can do beside identities and repositories."""
    hub = StandinHub()
    joined = [route for part in parts for route in part(hub)]
    app = Starlette(
        routes=[Route("/api/whoami-v2", hub.whoami), *joined, *hub.repos.routes()],
        middleware=[Middleware(hub.faults.around)],
    )
    async with serving(app, settings_for()) as running:
        hub.url = f"http://127.0.0.1:{running.port}"
        try:
            yield hub
        finally:
            hub.faults.heal()
