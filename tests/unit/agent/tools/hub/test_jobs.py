"""`hf_jobs`: each operation and its output, as the owner and in the owner's namespace."""

import asyncio
from collections.abc import Callable

import pytest

from agent.util.tasks import TaskOwner
from tests.support.hub.standin_hub import StandinHub
from tests.support.hub.standin_jobs import Job
from tests.support.polling import eventually
from tests.unit.agent.tools.hub.sessions import Parts, Session

Make = Callable[..., Session]
RUN = {"operation": "run", "image": "python:3.12", "command": ["python", "-c", "print('hi there')"]}


def writes(*lines: str, stage: str = "COMPLETED", seconds: int = 61) -> Callable[[Job], None]:
    def born(job: Job) -> None:
        job.write(*lines)
        job.end(stage, seconds)

    return born


async def test_a_job_is_run_followed_and_reckoned(session: Make, parts: Parts, hub: StandinHub) -> None:
    parts.jobs.born = writes("one", "\x1b[32mtwo\x1b[0m\x07")
    one = session()
    result = await one.run("hf_jobs", **RUN, timeout_s=600, env={"A": "b"}, secrets=["HF_TOKEN", "OTHER"])
    job = parts.jobs.newest
    assert result.success and result.output.split("\n") == [
        f"job {job.job_id} on cpu-basic: COMPLETED; ran for 61 s; cost about $0.0003",
        f"{hub.url}/jobs/alice/{job.job_id}",
        "one",
        "two",
    ]
    assert result.cost_usd == pytest.approx(0.01 * 2 / 60)
    assert "".join(one.log).endswith("one\ntwo\n") and job.job_id in one.log[0]
    assert (job.namespace, job.spec["timeoutSeconds"], job.spec["environment"]) == ("alice", 600, {"A": "b"})
    assert job.spec["secrets"] == {"HF_TOKEN": "hf_alice", "OTHER": "hf_alice"}
    assert job.spec["command"] == RUN["command"] and job.spec["dockerImage"] == "python:3.12"


async def test_a_job_without_a_timeout_gets_the_default(session: Make, parts: Parts) -> None:
    parts.jobs.born = writes()
    assert "[it wrote nothing]" in await session().output("hf_jobs", **RUN)
    assert parts.jobs.newest.spec["timeoutSeconds"] == 1_800 and not parts.jobs.newest.spec.get("secrets")


async def test_logs_come_while_the_job_runs(session: Make, parts: Parts, tasks: TaskOwner) -> None:
    one = session()
    running = tasks.start(one.run("hf_jobs", **RUN), "run")
    await parts.jobs.made.wait()
    job = parts.jobs.newest
    await job.followed.wait()
    job.write("early")
    await eventually(lambda: "early\n" in "".join(one.log))
    assert not running.done()
    job.write("late")
    job.end("ERROR", message="Exit code 3")
    result = await running
    assert not result.success and "ERROR; ran for 60 s" in result.output and "Exit code 3" in result.output
    assert result.output.endswith("early\nlate") and "".join(one.log).endswith("early\nlate\n")


async def test_a_stream_that_breaks_off_goes_on_where_it_was(session: Make, parts: Parts, hub: StandinHub) -> None:
    job = parts.jobs.add("alice")
    job.write("one", "two")
    job.end()
    fault = hub.faults.cut(path="/logs")
    one = session()
    assert (await one.output("hf_jobs", operation="logs", job_id=job.job_id)).endswith("\none\ntwo")
    assert fault.came.is_set() and "".join(one.log) == "one\ntwo\n"


async def test_a_stream_that_breaks_off_again_and_again_is_given_up(
    session: Make, parts: Parts, hub: StandinHub
) -> None:
    job = parts.jobs.add("alice")
    job.end()
    hub.faults.cut(times=99, path="/logs")
    output = await session().output("hf_jobs", operation="logs", job_id=job.job_id)
    assert "COMPLETED" in output and "[its logs cannot be followed: they break off again and again]" in output


async def test_following_ends_in_time_and_the_job_goes_on(session: Make, parts: Parts) -> None:
    job = parts.jobs.add("alice")
    job.write("begun")
    one = session(follow_s=1.0)
    output = await one.output("hf_jobs", operation="logs", job_id=job.job_id)
    assert "RUNNING" in output and "[followed for 1 s; it goes on:" in output and output.endswith("begun")
    await asyncio.wait_for(job.left.wait(), 10)
    assert job.stage == "RUNNING" and len(one.threads.follow) == 0


async def test_cancelling_leaves_at_once_ends_the_thread_and_not_the_job(
    session: Make, parts: Parts, tasks: TaskOwner
) -> None:
    one = session()
    running = tasks.start(one.run("hf_jobs", **RUN), "run")
    await parts.jobs.made.wait()
    job = parts.jobs.newest
    job.write("begun")
    await eventually(lambda: "begun\n" in "".join(one.log))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(job.left.wait(), 10)
    await eventually(lambda: not len(one.threads.follow))
    assert job.stage == "RUNNING"


async def test_a_reader_that_stalls_holds_the_thread_back_and_can_still_be_left(
    session: Make, parts: Parts, tasks: TaskOwner
) -> None:
    job = parts.jobs.add("alice")
    job.write(*("x" * 1_000 for _ in range(1_000)))
    one = session()
    stalled = asyncio.Event()

    async def stall(text: str) -> None:
        stalled.set()
        await asyncio.Event().wait()

    running = tasks.start(one.router.run("hf_jobs", {"operation": "logs", "job_id": job.job_id}, stall), "logs")
    await stalled.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: not len(one.threads.follow))


async def test_endless_logs_are_abandoned_with_a_note(session: Make, parts: Parts) -> None:
    job = parts.jobs.add("alice")
    job.write(*(f"line {number}" for number in range(5_000)))
    one = session(log_bytes_max=20_000, log_tail_chars=200)
    result = await one.run("hf_jobs", operation="logs", job_id=job.job_id)
    assert result.success and result.truncated and "too long to be streamed on" in result.output
    assert len("".join(one.log)) <= 20_000 and len(result.output) < 600


async def test_no_more_jobs_are_followed_than_there_are_threads(session: Make, parts: Parts, tasks: TaskOwner) -> None:
    first, second = parts.jobs.add("alice"), parts.jobs.add("alice")
    one = session(follow_threads=1)
    following = tasks.start(one.run("hf_jobs", operation="logs", job_id=first.job_id), "logs")
    await first.followed.wait()
    output = await one.output("hf_jobs", operation="logs", job_id=second.job_id)
    assert "places for following the logs of jobs are taken" in output and "RUNNING" in output
    first.end()
    assert (await following).success


async def test_logs_so_far_are_read_without_waiting_for_the_job(session: Make, parts: Parts) -> None:
    job = parts.jobs.add("alice")
    job.write("so far")
    job.end()
    assert "so far" in await session().output("hf_jobs", operation="logs", job_id=job.job_id, follow=False)


async def test_jobs_are_listed_and_looked_at_without_their_secrets(session: Make, parts: Parts) -> None:
    one = session()
    assert await one.output("hf_jobs", operation="ps") == "[no jobs]"
    job = parts.jobs.add("alice", environment={"KEY": "value1"}, secrets={"HF_TOKEN": "hf_alice"}, command=["a", "b c"])
    parts.jobs.add("alice").end("ERROR")
    parts.jobs.add("bob")
    listed = await one.output("hf_jobs", operation="ps")
    assert f"| {job.job_id} | RUNNING | cpu-basic | python:3.12 | a 'b c' | 2026-11-01 09:00 |" in listed
    assert listed.count("\n") == 3
    assert (await one.output("hf_jobs", operation="ps", status="ERROR")).count("\n") == 2
    seen = await one.output("hf_jobs", operation="inspect", job_id=job.job_id)
    assert "environment: KEY" in seen and "secrets: HF_TOKEN" in seen
    assert "value1" not in seen and "hf_alice" not in seen


async def test_a_long_list_is_cut(session: Make, parts: Parts) -> None:
    for _ in range(9):
        parts.jobs.add("alice")
    result = await session(listed_max=5).run("hf_jobs", operation="ps")
    assert result.truncated and result.output.endswith("[the first 5 are shown, there are more]")


async def test_a_job_is_cancelled(session: Make, parts: Parts) -> None:
    job = parts.jobs.add("alice")
    assert job.job_id in await session().output("hf_jobs", operation="cancel", job_id=job.job_id)
    assert job.stage == "CANCELED"


async def test_jobs_are_scheduled_paused_resumed_and_deleted(session: Make, parts: Parts) -> None:
    one = session()
    output = await one.output("hf_jobs", **{**RUN, "operation": "schedule"}, schedule="0 9 * * 1", secrets=["HF_TOKEN"])
    (job_id, job) = next(iter(parts.jobs.scheduled.items()))
    assert f"| {job_id} | 0 9 * * 1 | active | cpu-basic | python:3.12 |" in output
    assert job["jobSpec"]["secrets"] == {"HF_TOKEN": "hf_alice"} and job["jobSpec"]["timeoutSeconds"] == 1_800
    await one.output("hf_jobs", operation="suspend", job_id=job_id)
    assert "| suspended |" in await one.output("hf_jobs", operation="scheduled")
    await one.output("hf_jobs", operation="resume", job_id=job_id)
    assert "| active |" in await one.output("hf_jobs", operation="scheduled")
    await one.output("hf_jobs", operation="delete_scheduled", job_id=job_id)
    assert await one.output("hf_jobs", operation="scheduled") == "[no scheduled jobs]"


async def test_hardware_is_listed_with_its_prices(session: Make) -> None:
    output = await session().output("hf_jobs", operation="hardware")
    assert "| cpu-basic | 2 vCPU | 16 GB |  | $0.000167 a minute | $0.01 an hour |" in output
    assert "| h300 |" in output and "not known" in output


async def test_another_namespace_needs_approval_by_name(session: Make, parts: Parts) -> None:
    parts.jobs.organizations["alice"] = {"acme"}
    parts.jobs.born = writes()
    one = session()
    await one.output("hf_jobs", **RUN, namespace="acme")
    assert parts.jobs.newest.namespace == "acme"
    refused = await one.run("hf_jobs", **RUN, namespace="bob")
    assert "(403)" in refused.output and not refused.success and refused.cost_usd == 0.0


async def test_the_owners_name_is_requested_once(session: Make, hub: StandinHub) -> None:
    one = session()
    for _ in range(3):
        await one.output("hf_jobs", operation="ps")
    assert len(hub.faults.requests("whoami")) == 1


async def test_without_a_token_the_error_says_how_to_log_in(session: Make, hub: StandinHub) -> None:
    nobody = session("")
    for arguments in ({**RUN}, {"operation": "ps"}, {"operation": "logs", "job_id": "x"}):
        assert "has to log in with Hugging Face" in await nobody.refused("hf_jobs", **arguments)
    assert not hub.faults.received
    await session().output("hf_jobs", operation="ps")


async def test_two_owners_run_jobs_at_once_each_with_their_own_token(session: Make, parts: Parts) -> None:
    parts.jobs.born = writes("done")
    alice, bob = session("alice"), session("bob")
    await asyncio.gather(*(one.output("hf_jobs", **RUN, secrets=["HF_TOKEN"]) for one in (alice, bob) * 8))
    assert sorted((job.namespace, job.spec["secrets"]["HF_TOKEN"]) for job in parts.jobs.jobs.values()) == [
        *[("alice", "hf_alice")] * 8,
        *[("bob", "hf_bob")] * 8,
    ]


async def test_a_started_job_is_reported_even_if_it_cannot_be_inspected(
    session: Make, parts: Parts, hub: StandinHub
) -> None:
    hub.faults.fail(500, times=9, path="/api/jobs/alice/")
    result = await session().run("hf_jobs", **RUN)
    assert parts.jobs.newest.job_id in result.output and "unknown" in result.output and result.success


async def test_a_run_that_the_hub_refuses_costs_nothing_and_one_unanswered_may(session: Make, hub: StandinHub) -> None:
    one = session(timeout_s=1.0)
    hub.faults.fail(402, method="POST")
    refused = await one.run("hf_jobs", **RUN)
    assert (refused.success, refused.cost_usd) == (False, 0.0) and "credit" in refused.output
    hub.faults.hang(method="POST")
    silent = await one.run("hf_jobs", **RUN)
    assert (silent.success, silent.cost_usd) == (False, 0.01 / 2)
