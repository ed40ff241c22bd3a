"""Jobs tool: `hf_jobs` runs programs on the Hub's hardware, once or on a schedule, and streams their logs."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from agent.hub.client import HubClient, Token
from agent.hub.errors import HubError, HubRefusal
from agent.hub.formatting import fitting
from agent.hub.request import current_call
from agent.policy.effects import Effects
from agent.tools.base import ToolLog, ToolResult
from agent.tools.hub import base, job_arguments
from agent.tools.hub.base import HubTool
from agent.tools.hub.job_arguments import Jobs, Operation
from agent.tools.hub.job_text import (
    ENDED,
    cost_usd,
    details,
    hardware_table,
    jobs_table,
    scheduled_table,
    stage,
    summary,
)
from agent.util.text import clean, one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_DONE = {
    "cancel": "the job is told to end",
    "suspend": "the scheduled job is paused",
    "resume": "the scheduled job runs again",
    "delete_scheduled": "the scheduled job is deleted",
}

_EMPTY_MAX = 3
"""Times in a row that a log may break off without a new line."""


LOG_TAIL_CHARS = 8_000
"""End of a job's logs that the model gets in the result: where errors stand."""

POLL_S = 3.0
"""How often a followed job that has not ended is asked for again: the Hub limits rates, and jobs take minutes."""


class JobsTool(HubTool[Jobs]):
    """`hf_jobs`. `follow_max_s`: how long a call may follow logs, which is less than the call's own time limit."""

    __slots__ = ("_follow_max_s",)

    name = "hf_jobs"
    description = (
        "Run programs on Hugging Face's hardware (Jobs), paid by the user's account. `run` streams the logs and waits for "
        "the job, for a while; the job goes on when that ends, or when it is interrupted: look again with `logs`, end it "
        "with `cancel`. A job starts with an empty disk and keeps nothing: let it store its results, such as in a "
        "repository of the Hub, with the token that `secrets` gives it."
    )
    arguments = Jobs
    side_effects: str | None = "jobs started, ended or scheduled"

    def __init__(self, hub: HubClient, follow_max_s: float) -> None:
        super().__init__(hub)
        self._follow_max_s = follow_max_s

    def validate(self, arguments: Jobs) -> str | None:
        return job_arguments.validate(arguments)

    def effects(self, arguments: Jobs) -> Effects:
        return job_arguments.effects(arguments, self._hub.settings)

    async def execute(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        operations: dict[Operation, Callable[[Jobs, ToolLog], Awaitable[ToolResult]]] = {
            "run": self._run,
            "schedule": self._schedule,
            "ps": self._ps,
            "scheduled": self._scheduled,
            "hardware": self._hardware,
            "inspect": self._inspect,
            "logs": self._logs,
        }
        return await operations.get(arguments.operation, self._change)(arguments, log)

    async def _run(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        try:
            namespace = await self._namespace(arguments)
            job = await self._hub.ask(
                lambda api, token: api.run_job(**self._spec(arguments, token), namespace=namespace, token=token)
            )
        except HubError as fault:
            cost = 0.0 if isinstance(fault, HubRefusal) else job_arguments.cost_usd(arguments, self._hub.settings)
            return ToolResult(output=str(fault), success=False, cost_usd=cost)
        await log(f"{summary(job, self._hub.settings)}\n")
        if not arguments.follow:
            return ToolResult(output=summary(job, self._hub.settings), success=True)
        return await self._followed(arguments, job.id, namespace, log)

    async def _schedule(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        try:
            namespace = await self._namespace(arguments)
            job = await self._hub.ask(
                lambda api, token: api.create_scheduled_job(
                    schedule=arguments.schedule, **self._spec(arguments, token), namespace=namespace, token=token
                )
            )
        except HubRefusal as refusal:
            return ToolResult(output=str(refusal), success=False, cost_usd=0.0)
        return ToolResult(output=scheduled_table([job]), success=True)

    async def _ps(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        namespace = await self._namespace(arguments)
        status = arguments.status or None
        return await self._listed(
            lambda api, token: api.list_jobs(status=status, namespace=namespace, token=token), jobs_table, "jobs"
        )

    async def _scheduled(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        namespace = await self._namespace(arguments)
        return await self._listed(
            lambda api, token: api.list_scheduled_jobs(namespace=namespace, token=token),
            scheduled_table,
            "scheduled jobs",
        )

    async def _hardware(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        settings = self._hub.settings
        return await self._listed(
            lambda api, token: api.list_jobs_hardware(token=token),
            lambda flavors: hardware_table(flavors, settings),
            "flavors",
        )

    async def _inspect(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        namespace = await self._namespace(arguments)
        job = await self._look(arguments.job_id, namespace)
        return ToolResult(output=details(job, self._hub.settings), success=True)

    async def _logs(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        return await self._followed(arguments, arguments.job_id, await self._namespace(arguments), log)

    async def _change(self, arguments: Jobs, log: ToolLog) -> ToolResult:
        """`cancel`, `suspend`, `resume` and `delete_scheduled`."""
        operation, job_id = arguments.operation, arguments.job_id
        namespace = await self._namespace(arguments)

        def change(api: "HfApi", token: Token) -> None:
            if operation == "cancel":
                api.cancel_job(job_id=job_id, namespace=namespace, token=token)
            else:
                calls: dict[str, Any] = {
                    "suspend": api.suspend_scheduled_job,
                    "resume": api.resume_scheduled_job,
                    "delete_scheduled": api.delete_scheduled_job,
                }
                calls[operation](scheduled_job_id=job_id, namespace=namespace, token=token)

        await self._hub.ask(change)
        return ToolResult(output=f"{_DONE[operation]}: {one_line(job_id)}", success=True)

    async def _followed(self, arguments: Jobs, job_id: str, namespace: str, log: ToolLog) -> ToolResult:
        """Stream the logs until the job ends or a bound is reached; the result has the job's state and the end of its logs."""
        settings = self._hub.settings
        follow_s = min(arguments.follow_s or self._follow_max_s, self._follow_max_s)
        tail = ""
        received = 0

        async def receive(text: str) -> None:
            nonlocal tail, received
            text = clean(text)
            received += len(text)
            tail = (tail + text)[-LOG_TAIL_CHARS:]
            await log(text)

        def lines(api: "HfApi", token: Token) -> Iterator[str]:
            return _lines(api, token, job_id, namespace, POLL_S, follow=arguments.follow)

        notes = []
        why = ""
        try:
            why = await self._hub.follow(lines, receive, follow_s)
        except HubError as fault:
            notes.append(f"its logs cannot be followed: {fault}")
        try:
            job = await self._look(job_id, namespace)
        except HubError as fault:
            if arguments.operation == "run":
                return ToolResult(
                    output=f"the job {job_id} was started; what became of it is unknown: {fault}", success=True
                )
            raise
        if why == "time":
            notes.append(f"followed for {follow_s:g} s; it goes on: see `logs` again, or `cancel` it")
        elif why == "size":
            notes.append("its logs are too long to be streamed on; it goes on: see `inspect`, or `cancel` it")
        if received > len(tail):
            notes.append(f"the last {len(tail)} of {received} characters of its logs are shown")
        parts = [summary(job, settings), *(f"[{note}]" for note in notes), tail.rstrip("\n") or "[it wrote nothing]"]
        ended = stage(job)
        return ToolResult(
            output="\n".join(parts),
            success=ended == "COMPLETED" or ended not in ENDED,
            truncated=received > len(tail),
            cost_usd=self._spent(arguments, job),
        )

    def _spent(self, arguments: Jobs, job: Any) -> float | None:
        """The cost of `run` in US dollars: the job's own, or the most that it may cost while that is not known."""
        if arguments.operation != "run":
            return None
        known = cost_usd(job, self._hub.settings)
        return job_arguments.cost_usd(arguments, self._hub.settings) if known is None else known

    async def _look(self, job_id: str, namespace: str) -> Any:
        return await self._hub.ask(lambda api, token: api.inspect_job(job_id=job_id, namespace=namespace, token=token))

    async def _listed(
        self, request: "Callable[[HfApi, Token], Any]", format_rows: Callable[[list[Any]], str], what: str
    ) -> ToolResult:
        most = base.LISTED_MAX
        rows = await self._hub.ask(lambda api, token: list(itertools.islice(request(api, token), most + 1)))
        if not rows:
            return ToolResult(output=f"[no {what}]", success=True)
        lines, over = fitting(format_rows(rows[:most]).split("\n"), base.VIEW_CHARS_MAX)
        if over or len(rows) > most:
            lines.append(f"\n[the first {len(lines) - 2} are shown, there are more]")
        return ToolResult(output="\n".join(lines), success=True, truncated=over or len(rows) > most)

    async def _namespace(self, arguments: Jobs) -> str:
        """The namespace of the jobs. Always given: without it the library uses another request, or the server's own login."""
        self._hub.require_token()
        return arguments.namespace or await self._hub.owner()

    def _spec(self, arguments: Jobs, token: Token) -> dict[str, Any]:
        if not isinstance(token, str):
            raise HubError("a job needs the owner's token")
        return {
            "image": arguments.image,
            "command": arguments.command,
            "flavor": arguments.flavor,
            "timeout": job_arguments.time_s(arguments),
            "env": arguments.env,
            "secrets": dict.fromkeys(arguments.secrets, token) or None,
        }


def _lines(api: "HfApi", token: Token, job_id: str, namespace: str, poll_s: float, *, follow: bool) -> Iterator[str]:
    """A job's log, line by line. With `follow` until the job ends: a stream that ends or breaks earlier is opened again."""
    call = current_call()
    count, empty = 0, 0
    while empty < _EMPTY_MAX:
        broken, before = call.broken, count
        logs = api.fetch_job_logs(job_id=job_id, namespace=namespace, follow=follow, token=token)
        for number, line in enumerate(logs):
            if number >= count:
                count = number + 1
                yield line
        whole = call.broken == broken
        if not follow or (whole and stage(api.inspect_job(job_id=job_id, namespace=namespace, token=token)) in ENDED):
            return
        empty = 0 if whole or count > before else empty + 1
        call.pause(poll_s)
    raise HubError("they break off again and again")
