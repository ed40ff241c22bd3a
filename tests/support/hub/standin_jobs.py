"""Stand-in for the Hub's Jobs: run, list, show, follow, cancel, and scheduled ones. Nothing is run."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from tests.support.hub.standin_hub import StandinHub

WHEN = "2026-11-01T09:00:00.000Z"
HARDWARE = [
    {"name": "cpu-basic", "prettyName": "CPU Basic", "cpu": "2 vCPU", "ram": "16 GB"},
    {"name": "h300", "prettyName": "H300", "cpu": "9 vCPU", "ram": "99 GB"},
]


@dataclass
class Job:
    """One job; the test says what it writes and how it ends. `followed` and `left`: a client begins, and ends, to follow."""

    job_id: str
    namespace: str
    spec: dict[str, Any]
    stage: str = "RUNNING"
    message: str | None = None
    running_secs: int | None = None
    lines: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    followed: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ended(self) -> bool:
        return self.stage in ("COMPLETED", "ERROR", "CANCELED")

    def write(self, *lines: str) -> None:
        """It writes."""
        self.lines += lines
        self._notify()

    def end(self, stage: str = "COMPLETED", seconds: int = 60, message: str | None = None) -> None:
        """It is over."""
        self.stage, self.running_secs, self.message = stage, seconds, message
        self._notify()

    def _notify(self) -> None:
        self.news.set()
        self.news = asyncio.Event()

    def to_json(self) -> dict[str, Any]:
        """As the Hub's API tells it."""
        return {
            "id": self.job_id,
            "createdAt": WHEN,
            "startedAt": WHEN,
            **{key: self.spec.get(key) for key in ("dockerImage", "spaceId", "command", "arguments", "environment")},
            "secrets": dict.fromkeys(self.spec.get("secrets", {})),
            "flavor": self.spec["flavor"],
            "status": {"stage": self.stage, "message": self.message},
            "durations": {"runningSecs": self.running_secs},
            "owner": {"id": f"id-{self.namespace}", "name": self.namespace, "type": "user"},
        }


class StandinJobs:
    """`jobs` and `scheduled` by id; `made` is set when one is made; `born`: what a test does to a new job at once."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.scheduled: dict[str, dict[str, Any]] = {}
        self.organizations: dict[str, set[str]] = {}
        self.made = asyncio.Event()
        self.born: Callable[[Job], None] = lambda job: None
        self._numbers = itertools.count(1)
        self.hub: StandinHub | None = None

    @property
    def newest(self) -> Job:
        return list(self.jobs.values())[-1]

    def add(self, namespace: str, **spec: Any) -> Job:
        """A job that runs."""
        spec = {"dockerImage": "python:3.12", "command": ["true"], "flavor": "cpu-basic", **spec}
        job = Job(f"job{next(self._numbers)}", namespace, spec)
        self.jobs[job.job_id] = job
        return job

    def routes(self, hub: StandinHub) -> list[BaseRoute]:
        """As a part of the stand-in Hub."""
        self.hub = hub
        table: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "/api/jobs/hardware", self._hardware),
            ("POST", "/api/jobs/{namespace}", self._run),
            ("GET", "/api/jobs/{namespace}", self._list),
            ("GET", "/api/jobs/{namespace}/{job_id}", self._look),
            ("GET", "/api/jobs/{namespace}/{job_id}/logs", self._logs),
            ("POST", "/api/jobs/{namespace}/{job_id}/cancel", self._cancel),
            ("POST", "/api/scheduled-jobs/{namespace}", self._schedule),
            ("GET", "/api/scheduled-jobs/{namespace}", self._list_scheduled),
            ("POST", "/api/scheduled-jobs/{namespace}/{job_id}/{verb}", self._set_suspended),
            ("DELETE", "/api/scheduled-jobs/{namespace}/{job_id}", self._delete_scheduled),
        ]
        return [Route(path, self._guarded(answer), methods=[method]) for method, path, answer in table]

    def _guarded(self, answer: Callable[..., Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            assert self.hub is not None
            namespace = request.path_params.get("namespace")
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            user = self.hub.users.get(token)
            if namespace is not None and user is None:
                return JSONResponse({"error": "Invalid credentials in Authorization header"}, 401)
            if namespace is not None and namespace not in {user, *self.organizations.get(user or "", set())}:
                return JSONResponse({"error": f"You may not run jobs in {namespace}"}, 403)
            job_id = request.path_params.get("job_id")
            of_namespace = {job.job_id for job in self.jobs.values() if job.namespace == namespace}
            if job_id is not None and job_id not in of_namespace | self.scheduled.keys():
                return JSONResponse({"error": "Job not found"}, 404)
            response: Response = await answer(request)
            return response

        return guarded

    async def _hardware(self, request: Request) -> Response:
        price = {"unitCostMicroUSD": 167, "unitCostUSD": 0.000167, "unitLabel": "minute"}
        return JSONResponse([{**one, **price} for one in HARDWARE])

    async def _run(self, request: Request) -> Response:
        spec = await request.json()
        job = self.add(request.path_params["namespace"], **spec)
        self.born(job)
        self.made.set()
        return JSONResponse(job.to_json())

    async def _list(self, request: Request) -> Response:
        stages = request.query_params.getlist("stage")
        mine = [job for job in self.jobs.values() if job.namespace == request.path_params["namespace"]]
        return JSONResponse([job.to_json() for job in mine if not stages or job.stage in stages])

    async def _look(self, request: Request) -> Response:
        return JSONResponse(self.jobs[request.path_params["job_id"]].to_json())

    async def _logs(self, request: Request) -> Response:
        job = self.jobs[request.path_params["job_id"]]
        return StreamingResponse(self._stream(job), media_type="text/event-stream")

    async def _stream(self, job: Job) -> AsyncIterator[bytes]:
        job.followed.set()
        sent = 0
        try:
            yield b'data: {"data": "===== Job started at 2026-11-01 ====="}\n\n'
            while True:
                news = job.news
                for line in job.lines[sent:]:
                    yield b"data: " + json.dumps({"data": line, "timestamp": WHEN}).encode() + b"\n\n"
                    sent += 1
                if job.ended and sent == len(job.lines):
                    return
                if sent == len(job.lines):
                    await news.wait()
        finally:
            job.left.set()

    async def _cancel(self, request: Request) -> Response:
        self.jobs[request.path_params["job_id"]].end("CANCELED")
        return JSONResponse({})

    async def _schedule(self, request: Request) -> Response:
        body = await request.json()
        namespace = request.path_params["namespace"]
        job_id = f"scheduled{next(self._numbers)}"
        self.scheduled[job_id] = {
            "id": job_id,
            "createdAt": WHEN,
            "suspend": False,
            **body,
            "status": {"nextJobRunAt": WHEN},
            "owner": {"id": f"id-{namespace}", "name": namespace, "type": "user"},
        }
        return JSONResponse(self.scheduled[job_id])

    async def _list_scheduled(self, request: Request) -> Response:
        return JSONResponse(list(self.scheduled.values()))

    async def _set_suspended(self, request: Request) -> Response:
        self.scheduled[request.path_params["job_id"]]["suspend"] = request.path_params["verb"] == "suspend"
        return JSONResponse({})

    async def _delete_scheduled(self, request: Request) -> Response:
        del self.scheduled[request.path_params["job_id"]]
        return JSONResponse({})
