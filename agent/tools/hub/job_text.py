"""Job text: writes jobs, scheduled jobs and hardware of the Hub as text for the model. Pure."""

import shlex
from collections.abc import Sequence
from typing import Any

from agent.hub.formatting import day, table
from agent.hub.pricing import estimate_usd, list_prices
from agent.hub.settings import HubSettings
from agent.util.text import one_line

ENDED = frozenset({"COMPLETED", "CANCELED", "ERROR", "DELETED"})
"""Stages of a job that has ended."""


def stage(job: Any) -> str:
    """The stage of a job (huggingface_hub's JobInfo), such as RUNNING."""
    return one_line(getattr(job.status.stage, "value", job.status.stage), 40)


def cost_usd(job: Any, settings: HubSettings) -> float | None:
    """The cost of a job that has ended, in US dollars; None while it runs, or if the price is not known."""
    seconds = job.durations.running_secs if job.durations is not None else None
    if stage(job) not in ENDED or seconds is None:
        return None
    return estimate_usd(one_line(job.flavor), seconds, settings.usd_per_hour)


def summary(job: Any, settings: HubSettings) -> str:
    """Two lines: the job's state, time and cost; and its URL."""
    seconds = job.durations.running_secs if job.durations is not None else None
    cost = cost_usd(job, settings)
    parts = [
        f"job {one_line(job.id)} on {one_line(job.flavor)}: {stage(job)}",
        f"ran for {seconds} s" if seconds is not None else "",
        f"cost about ${cost:.4f}" if cost is not None else "",
        one_line(job.status.message, 500) if job.status.message else "",
    ]
    return "; ".join(part for part in parts if part) + f"\n{one_line(job.url, 500)}"


def details(job: Any, settings: HubSettings) -> str:
    """A job with its image, command and times. Of variables only the names: their values may be secrets."""
    about = {
        "image": one_line(job.docker_image or job.space_id, 500),
        "command": one_line(shlex.join(map(str, job.command or [])), 2_000),
        "environment": ", ".join(one_line(name) for name in job.environment or {}),
        "secrets": ", ".join(one_line(name) for name in job.secrets or {}),
        "made": day(job.created_at),
        "started": day(job.started_at),
        "ended": day(job.finished_at),
        "owner": one_line(job.owner.name),
    }
    return "\n".join([summary(job, settings), *(f"{name}: {value}" for name, value in about.items() if value)])


def jobs_table(jobs: Sequence[Any]) -> str:
    """A table with a row for each job."""
    rows = [
        (
            one_line(job.id),
            stage(job),
            one_line(job.flavor),
            one_line(job.docker_image or job.space_id, 80),
            one_line(shlex.join(map(str, job.command or [])), 120),
            day(job.created_at),
        )
        for job in jobs
    ]
    return table(("job", "stage", "flavor", "image", "command", "made"), rows)


def scheduled_table(jobs: Sequence[Any]) -> str:
    """A table with a row for each scheduled job (huggingface_hub's ScheduledJobInfo)."""
    rows = [
        (
            one_line(job.id),
            one_line(job.schedule),
            "suspended" if job.suspend else "active",
            one_line(job.job_spec.flavor),
            one_line(job.job_spec.docker_image or job.job_spec.space_id, 80),
            one_line(shlex.join(map(str, job.job_spec.command or [])), 120),
            day(job.status.next_job_run_at),
        )
        for job in jobs
    ]
    return table(("scheduled job", "when", "state", "flavor", "image", "command", "next"), rows)


def hardware_table(flavors: Sequence[Any], settings: HubSettings) -> str:
    """A table with a row for each flavor (huggingface_hub's JobHardwareInfo): the Hub's price, and the one that estimates use."""
    rows = []
    for one in flavors:
        price = settings.usd_per_hour.get(one.name, list_prices().get(one.name))
        accelerator = one.accelerator
        rows.append(
            (
                one_line(one.name),
                one_line(one.cpu),
                one_line(one.ram),
                one_line(f"{accelerator.quantity} x {accelerator.model}, {accelerator.vram}", 80)
                if accelerator
                else "",
                f"${one.unit_cost_usd:g} a {one_line(one.unit_label, 20)}",
                "not known" if price is None else f"${price:g} an hour",
            )
        )
    return table(("flavor", "cpu", "memory", "gpu", "price", "reckoned with"), rows)
