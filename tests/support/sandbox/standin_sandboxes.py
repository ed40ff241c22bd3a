"""Stand-in for the Hub's sandbox Jobs, on loopback: `run_job`, and the program in the Job that huggingface_hub speaks to.

Commands really run, in a folder of the test; `/` of a sandbox's files is that folder.
"""

import asyncio
import hmac
import itertools
import json
import os
import shutil
import signal
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub._sandbox import SANDBOX_SERVER_PROTOCOL
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from agent.util.tasks import TaskOwner

PORT = 49983
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink"}
Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Job:
    """One Job and the sandbox in it."""

    job_id: str
    owner: str
    spec: dict[str, Any]
    root: Path
    stage: str = "RUNNING"
    process_listings: int = 0
    running: set[asyncio.subprocess.Process] = field(default_factory=set)

    @property
    def token(self) -> str:
        return str(self.spec["secrets"]["SBX_TOKEN"])


class StandinSandboxes:
    """`users`: by token, its account, shared with who else plays the Hub. `url`: where it is reached."""

    def __init__(self, folder: Path, users: dict[str, str], url: Callable[[], str]) -> None:
        self.jobs: dict[str, Job] = {}
        self.cancelled: list[str] = []
        self.before_answer: Callable[[Job], Awaitable[None]] | None = None
        self._folder = folder
        self._users = users
        self._url = url
        self._numbers = itertools.count(1)
        self._tasks = TaskOwner("jobs")

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        at = f"/at/{{job}}--{PORT}.hf.jobs"
        return [
            Route("/api/jobs/{owner}", self._run, methods=["POST"]),
            Route("/api/jobs/{owner}", self._list),
            Route("/api/jobs/{owner}/{job}", self._inspect),
            Route("/api/jobs/{owner}/{job}/cancel", self._cancel, methods=["POST"]),
            Route(f"{at}/health", self._inside(self._health)),
            Route(f"{at}/v1/exec", self._inside(self._exec), methods=["POST"]),
            Route(f"{at}/v1/processes", self._inside(self._processes)),
            Route(f"{at}/v1/files/{{verb}}", self._inside(self._files), methods=["GET", "PUT", "POST", "DELETE"]),
        ]

    async def aclose(self) -> None:
        """End what runs."""
        for job in self.jobs.values():
            await self._end(job)
        await self._tasks.aclose()

    async def _end(self, job: Job, stage: str = "CANCELED") -> None:
        job.stage = stage
        for process in list(job.running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _user(self, request: Request) -> str | None:
        return self._users.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    async def _run(self, request: Request) -> Response:
        owner = request.path_params["owner"]
        if self._user(request) != owner:
            return JSONResponse({"error": "not yours"}, 403)
        job_id = f"job{next(self._numbers)}"
        root = self._folder / job_id
        (root / "tmp").mkdir(parents=True)
        job = self.jobs[job_id] = Job(job_id, owner, await request.json(), root)
        if self.before_answer is not None:
            await self.before_answer(job)
        return JSONResponse(self._to_json(job))

    async def _list(self, request: Request) -> Response:
        owner, labels = (
            request.path_params["owner"],
            dict(one.split("=", 1) for one in request.query_params.getlist("label")),
        )
        if self._user(request) != owner:
            return JSONResponse({"error": "not yours"}, 403)
        mine = [job for job in self.jobs.values() if job.owner == owner]
        return JSONResponse(
            [self._to_json(job) for job in mine if labels.items() <= job.spec.get("labels", {}).items()]
        )

    async def _inspect(self, request: Request) -> Response:
        job = self._job(request)
        return JSONResponse({"error": "no such job"}, 404) if job is None else JSONResponse(self._to_json(job))

    async def _cancel(self, request: Request) -> Response:
        job = self._job(request)
        if job is None:
            return JSONResponse({"error": "no such job"}, 404)
        await self._end(job)
        self.cancelled.append(job.job_id)
        return JSONResponse(self._to_json(job))

    def _job(self, request: Request) -> Job | None:
        job = self.jobs.get(request.path_params["job"])
        return job if job is not None and self._user(request) == job.owner else None

    def _to_json(self, job: Job) -> dict[str, Any]:
        return {
            "id": job.job_id,
            "createdAt": "2026-01-31T12:00:00.000Z",
            "dockerImage": job.spec.get("dockerImage"),
            "command": job.spec["command"],
            "environment": job.spec["environment"],
            "flavor": job.spec["flavor"],
            "labels": job.spec.get("labels"),
            "owner": {"id": f"id-{job.owner}", "name": job.owner, "type": "user"},
            "status": {"stage": job.stage, "exposeUrls": [f"{self._url()}/at/{job.job_id}--{PORT}.hf.jobs"]},
        }

    def _inside(self, answer: Callable[[Request, Job], Awaitable[Response]]) -> Handler:
        """What the Jobs proxy and the program check before they answer: both credentials."""

        async def handle(request: Request) -> Response:
            job = self._job(request)
            if job is None or job.stage != "RUNNING":
                return JSONResponse({"error": "nothing answers here"}, 404)
            if not hmac.compare_digest(request.headers.get("x-sandbox-token", ""), job.token):
                return JSONResponse({"error": "wrong sandbox token"}, 403)
            return await answer(request, job)

        return handle

    async def _health(self, request: Request, job: Job) -> Response:
        return JSONResponse({"protocol": SANDBOX_SERVER_PROTOCOL, "version": "0.6.0"})

    async def _processes(self, request: Request, job: Job) -> Response:
        job.process_listings += 1
        return JSONResponse([])

    async def _exec(self, request: Request, job: Job) -> Response:
        body = await request.json()
        command = body["cmd"] if isinstance(body["cmd"], list) else ["/bin/sh", "-c", body["cmd"]]
        # What names a file of the sandbox names it below its folder; a command's own text is its own.
        command = [self._here(job, word) for word in command]
        cwd = job.root / body.get("cwd", "/").lstrip("/")
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "HOME": "/", **body.get("env", {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        job.running.add(process)
        return StreamingResponse(self._events(job, process, body.get("timeout")), media_type="application/x-ndjson")

    def _here(self, job: Job, word: str) -> str:
        return word.replace("/workspace", f"{job.root}/workspace")

    async def _events(self, job: Job, process: asyncio.subprocess.Process, timeout: float | None) -> AsyncIterator[str]:
        assert process.stdout is not None
        timed_out = False

        def out_of_time() -> None:
            nonlocal timed_out
            timed_out = True
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        clock = asyncio.get_running_loop().call_later(timeout, out_of_time) if timeout else None
        try:
            while piece := await process.stdout.read(8_192):
                yield json.dumps({"event": "stdout", "data": piece.decode(errors="replace")}) + "\n"
            code = await process.wait()
            ended = {"exit_code": max(code, 0), "signal": -code if code < 0 else None, "timed_out": timed_out}
            if code < 0:
                ended["exit_code"] = None
            yield json.dumps({"event": "exit", **ended}) + "\n"
        finally:
            if clock is not None:
                clock.cancel()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            job.running.discard(process)

    async def _files(self, request: Request, job: Job) -> Response:
        query = request.query_params
        path = job.root / query["path"].lstrip("/")
        for part in [path, *path.parents]:
            if part == job.root:
                break
            if part.is_symlink() and request.path_params["verb"] != "stat":
                return JSONResponse({"error": "symlinks are refused"}, 400)
        try:
            return await self._file(request, job, path)
        except FileNotFoundError:
            return JSONResponse({"error": "not found"}, 404)
        except OSError as error:
            return JSONResponse({"error": error.strerror}, 400)

    async def _file(self, request: Request, job: Job, path: Path) -> Response:
        verb, query = request.path_params["verb"], request.query_params
        if verb == "stat":
            return JSONResponse(_entry(path, job.root))
        if verb == "read":
            data = path.read_bytes()
            offset = int(query.get("offset", 0))
            return Response(data[offset : offset + int(query.get("length", len(data)))])
        if verb == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            body, offset = await request.body(), int(query.get("offset", 0))
            with open(path, "r+b" if "offset" in query and path.exists() else "wb") as file:
                file.seek(offset)
                file.write(body)
                if "truncate_to" in query:
                    file.truncate(int(query["truncate_to"]))
            return JSONResponse({})
        if verb == "list":
            return JSONResponse({"entries": [_entry(one, job.root) for one in sorted(path.iterdir())], "next": None})
        if verb == "mkdir":
            path.mkdir(parents=True, exist_ok=True)
            return JSONResponse({})
        if verb == "delete":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            return JSONResponse({})
        return JSONResponse({"error": "no such route"}, 404)


def _entry(path: Path, root: Path) -> dict[str, Any]:
    found = path.lstat()
    kind = KINDS.get(stat.S_IFMT(found.st_mode), "other")
    return {"name": path.name, "path": f"/{path.relative_to(root)}", "type": kind, "size": found.st_size, "mode": ""}
