"""Stand-in for the Hub's Spaces: duplicated, given secrets and files, built, run as real processes, deleted.

What runs in a Space is what was committed to it. `faults` make a route fail; `before` and `after` are called around a
route's effect, such as to kill who asks.
"""

import asyncio
import base64
import contextlib
import json
import tempfile
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from agent.sandbox.in_space import SECRET_VARIABLE
from tests.support.sandbox.space_program import Program, start_program
from tests.unit.server.serving import serving, settings_for

Hook = Callable[[], Awaitable[None]]


@dataclass
class Space:
    """One Space. `stages`: what its runtime says, one after another; the last stays."""

    repo: str
    private: bool
    hardware: str
    folder: Path
    sleep_s: int | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    secrets_when_built: dict[str, str] | None = None
    stages: deque[str] = field(default_factory=deque)
    program: Program | None = None


class StandinSpaces:
    """`users`: by token, its account. `never_starts`: builds end with this stage."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.users: dict[str, str] = {}
        self.spaces: dict[str, Space] = {}
        self.templates = {"templates/sandbox"}
        self.made: list[str] = []
        self.deleted: list[str] = []
        self.requests: Counter[str] = Counter()
        self.faults: dict[str, deque[int]] = {}
        self.before: dict[str, Hook] = {}
        self.after: dict[str, Hook] = {}
        self.lost: set[str] = set()
        """What has no effect where something happened `before` it: it never arrived."""
        self.never_starts = ""
        self.changed = asyncio.Condition()
        self._folder = folder

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        space = "/api/spaces/{owner}/{name}"
        table: list[tuple[str, str, str, Callable[[Request, str], Awaitable[Response]]]] = [
            ("whoami", "GET", "/api/whoami-v2", self._whoami),
            ("duplicate", "POST", f"{space}/duplicate", self._duplicate),
            ("runtime", "GET", f"{space}/runtime", self._runtime),
            ("secrets", "POST", f"{space}/secrets", self._secret),
            ("restart", "POST", f"{space}/restart", self._restart),
            ("preupload", "POST", f"{space}/preupload/{{revision}}", self._preupload),
            ("commit", "POST", f"{space}/commit/{{revision}}", self._commit),
            ("info", "GET", space, self._info),
            ("delete", "DELETE", "/api/repos/delete", self._delete),
        ]
        return [Route(path, self._guarded(verb, answer), methods=[method]) for verb, method, path, answer in table]

    async def until(self, done: Callable[[], bool]) -> None:
        """Until what was asked here has made it so."""
        async with self.changed:
            await self.changed.wait_for(done)

    async def aclose(self) -> None:
        """Stop what runs."""
        for space in self.spaces.values():
            await _stop(space)

    async def start(self, repo: str, workspace: Path | None = None) -> Program:
        """A Space that somebody made by hand runs."""
        space = self.spaces[repo]
        space.program = await start_program(workspace or space.folder / "workspace", space.secrets[SECRET_VARIABLE])
        space.stages = deque(["RUNNING"])
        return space.program

    def by_hand(self, repo: str, secret: str) -> Space:
        """Somebody made a Space."""
        self.spaces[repo] = Space(
            repo, True, "cpu-basic", self._new_folder(), secrets={SECRET_VARIABLE: secret}, stages=deque(["PAUSED"])
        )
        return self.spaces[repo]

    def _guarded(self, verb: str, answer: Callable[[Request, str], Awaitable[Response]]) -> Any:
        async def handle(request: Request) -> Response:
            self.requests[verb] += 1
            await request.body()  # who asks may be gone when it is needed
            user = self.users.get(request.headers.get("authorization", "").removeprefix("Bearer "))
            if user is None:
                return _refused(401, "Invalid credentials in Authorization header")
            if self.faults.get(verb):
                return _refused(self.faults[verb].popleft(), "not now")
            if verb in self.before:
                await self.before.pop(verb)()
                if verb in self.lost:
                    return _refused(503, "it never arrived")
            answered = await answer(request, user)
            async with self.changed:
                self.changed.notify_all()
            if verb in self.after:
                await self.after.pop(verb)()
            return answered

        return handle

    async def _whoami(self, request: Request, user: str) -> Response:
        return JSONResponse({"type": "user", "id": f"id-{user}", "name": user, "auth": {"type": "access_token"}})

    async def _duplicate(self, request: Request, user: str) -> Response:
        body = await request.json()
        repo = str(body["repository"])
        if _repo(request) not in self.templates:
            return _missing()
        if repo.partition("/")[0] != user:
            return _refused(403, "not yours")
        if repo in self.spaces:
            return _refused(409, "You already created this space repo")
        self.spaces[repo] = Space(
            repo,
            body.get("visibility") == "private",
            body.get("hardware", "cpu-basic"),
            self._new_folder(),
            body.get("sleepTimeSeconds"),
            {one["key"]: one["value"] for one in body.get("secrets", [])},
            stages=deque(["BUILDING"]),
        )
        self.made.append(repo)
        return JSONResponse({"url": f"{self.url}/spaces/{repo}"})

    async def _runtime(self, request: Request, user: str) -> Response:
        space = self._of(request, user)
        if space is None:
            return _missing()
        stage = space.stages.popleft() if len(space.stages) > 1 else space.stages[0]
        return JSONResponse({"stage": stage, "hardware": {"current": None, "requested": space.hardware}})

    async def _info(self, request: Request, user: str) -> Response:
        space = self._of(request, user)
        if space is None:
            return _missing()
        host = space.program.url if space.program else f"{self.url}/nobody"
        return JSONResponse({"id": space.repo, "private": space.private, "tags": [], "host": host})

    async def _secret(self, request: Request, user: str) -> Response:
        space, body = self._of(request, user), await request.json()
        if space is None:
            return _missing()
        space.secrets[body["key"]] = body["value"]
        if space.program is not None:
            await _stop(space)
            await self._build(space)
        return JSONResponse({})

    async def _restart(self, request: Request, user: str) -> Response:
        space = self._of(request, user)
        if space is None:
            return _missing()
        await _stop(space)
        await self._build(space)
        return JSONResponse({"stage": "RUNNING_BUILDING", "hardware": {}})

    async def _preupload(self, request: Request, user: str) -> Response:
        body = await request.json()
        files = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in body["files"]]
        return JSONResponse({"files": files})

    async def _commit(self, request: Request, user: str) -> Response:
        space = self._of(request, user)
        if space is None:
            return _missing()
        for line in (await request.body()).splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                path = space.folder / "app" / entry["value"]["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(entry["value"]["content"]))
        await _stop(space)
        await self._build(space)
        oid = "0" * 40
        return JSONResponse({"commitUrl": f"{self.url}/spaces/{space.repo}/commit/{oid}", "commitOid": oid})

    async def _build(self, space: Space) -> None:
        space.secrets_when_built = dict(space.secrets)
        if self.never_starts:
            space.stages = deque(["BUILDING", self.never_starts])
            return
        space.stages = deque(["BUILDING", "BUILDING", "APP_STARTING", "RUNNING"])
        space.program = await start_program(
            space.folder / "workspace", space.secrets[SECRET_VARIABLE], space.folder / "app"
        )

    async def _delete(self, request: Request, user: str) -> Response:
        body = await request.json()
        repo = f"{body.get('organization') or user}/{body['name']}"
        space = self.spaces.get(repo)
        if body.get("type") != "space" or space is None or repo.partition("/")[0] != user:
            return _missing()
        await _stop(self.spaces.pop(repo))
        self.deleted.append(repo)
        return JSONResponse({})

    def _of(self, request: Request, user: str) -> Space | None:
        repo = _repo(request)
        return self.spaces.get(repo) if repo.partition("/")[0] == user else None

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder, prefix="space-"))


def _repo(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['name']}"


def _refused(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status)


def _missing() -> Response:
    return JSONResponse({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})


async def _stop(space: Space) -> None:
    program, space.program = space.program, None
    if program is not None:
        await program.stop()


@contextlib.asynccontextmanager
async def standin_spaces(folder: Path, *more: BaseRoute) -> AsyncIterator[StandinSpaces]:
    """The Hub, listening; `more`: other routes of it."""
    folder.mkdir(parents=True, exist_ok=True)
    hub = StandinSpaces(folder)
    async with serving(Starlette(routes=[*hub.routes(), *more]), settings_for()) as running:
        hub.url = f"http://127.0.0.1:{running.port}"
        try:
            yield hub
        finally:
            await hub.aclose()
