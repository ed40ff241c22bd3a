"""Remote sandboxes of each kind: made at first use, claimed before, found again, given back, never forgotten."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.sandbox.claims import Claim
from agent.sandbox.in_space import SECRET_VARIABLE
from agent.sandbox.remote.sandbox import RemoteSandbox
from agent.util.tasks import TaskOwner
from agent.workspace.files import ExitStatus, SandboxError
from tests.faults.harness.lengths import few
from tests.support.polling import eventually
from tests.support.sandbox.remote import TOKEN, Output, RemoteSetup, remote_setup


@pytest.fixture(params=few(["hub", "space"]))
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RemoteSetup]:
    async with remote_setup(request.param, tmp_path, monkeypatch) as place:
        yield place


async def run(sandbox: RemoteSandbox, command: str) -> str:
    output = Output()
    assert await sandbox.exec(command, output, 30.0) == ExitStatus(0)
    return output.text


async def test_nothing_is_made_before_it_is_used_and_one_is_enough(place: RemoteSetup) -> None:
    sandbox = place.sandbox()
    assert place.there() == []
    assert await run(sandbox, "echo hello") == "hello\n"
    await sandbox.write("a.txt", b"x")
    assert (await sandbox.list(".", recursive=True))[0][0].path == "a.txt"
    assert len(place.there()) == 1
    await sandbox.close()


async def test_progress_is_reported_while_a_sandbox_is_made(place: RemoteSetup) -> None:
    sandbox, output = place.sandbox(), Output()
    await sandbox.exec("echo hello", output, 30.0)
    progress = [line for line in output.data.decode().splitlines() if line.startswith("[")]
    assert progress[-1] == "[the sandbox is ready]"
    assert len(progress) == len(set(progress)) >= 2
    await sandbox.close()


async def test_a_closed_one_stays_and_is_found_again_with_its_files(place: RemoteSetup) -> None:
    first = place.sandbox()
    await first.write("kept.txt", b"kept")
    await first.close()
    made = place.there()
    second = place.sandbox()
    assert await run(second, "cat kept.txt") == "kept"
    assert place.there() == made
    await second.close()
    with pytest.raises(SandboxError, match="closed"):
        await second.read("kept.txt")


async def test_given_back_it_is_gone_and_giving_back_again_is_nothing(place: RemoteSetup) -> None:
    sandbox = place.sandbox()
    await run(sandbox, "true")
    await sandbox.close()
    claim = await place.claim()
    assert await place.maker().give_back(claim) is True
    assert place.there() == []
    assert await place.maker().give_back(claim) is False


async def test_a_lost_sandbox_is_replaced_and_its_claim_released(place: RemoteSetup) -> None:
    first = place.sandbox()
    await first.write("lost.txt", b"lost")
    await first.close()
    before = await place.claim()
    await place.maker().give_back(before)
    second = place.sandbox()
    assert await run(second, "ls") == ""
    assert (await place.claim()).claim_id != before.claim_id
    await second.close()


async def test_a_sandbox_lost_in_use_is_reported_and_replaced_by_the_next_call(place: RemoteSetup) -> None:
    sandbox = place.sandbox()
    await run(sandbox, "true")
    await place.maker().give_back(await place.claim())
    with pytest.raises(SandboxError, match="the next call"):
        await sandbox.write("a.txt", b"x")
    assert await run(sandbox, "echo back") == "back\n"
    assert len(place.there()) == 1
    await sandbox.close()


async def test_a_sandbox_requested_before_a_crash_is_reused(
    place: RemoteSetup,
) -> None:
    first = place.sandbox()
    await run(first, "echo x > here")
    await first.close()
    claim = await place.claim()
    await place.claims.put(Claim(claim.claim_id, claim.kind))  # as it was before the answer
    second = place.sandbox()
    assert await run(second, "echo alive") == "alive\n"
    assert len(place.there()) == 1
    assert await place.maker().give_back(Claim(claim.claim_id, claim.kind)) is True
    assert place.there() == []
    await second.close()


async def test_two_first_uses_at_once_make_one(place: RemoteSetup) -> None:
    sandbox = place.sandbox()
    assert await asyncio.gather(*(run(sandbox, f"echo {number}") for number in range(3))) == ["0\n", "1\n", "2\n"]
    assert len(place.there()) == 1
    await sandbox.close()


async def test_with_a_refused_token_nothing_is_made_and_the_reason_is_shown(place: RemoteSetup) -> None:
    sandbox = place.sandbox("hf_unknown_0123456789")
    with pytest.raises(SandboxError, match="log in"):
        await sandbox.read("a.txt")
    assert place.there() == []
    assert TOKEN not in str(await place.claims.held())
    await sandbox.close()


async def test_a_claim_names_no_secret(place: RemoteSetup) -> None:
    sandbox = place.sandbox()
    await run(sandbox, "true")
    claims = str(await place.journal.claims())
    for job in place.jobs.jobs.values():
        assert job.token not in claims
    for space in place.hub.spaces.values():
        assert not any(secret in claims for secret in space.secrets.values())
    assert TOKEN not in claims
    await sandbox.close()


async def test_workspace_files_are_uploaded_once_and_again_when_they_change(
    place: RemoteSetup,
) -> None:
    place.workspace.write("data/in.txt", b"one", threading.Event())
    sandbox = place.sandbox()
    assert await run(sandbox, "cat data/in.txt; echo mine > data/in.txt") == "one"
    assert await run(sandbox, "cat data/in.txt") == "mine\n"
    await sandbox.close()
    again = place.sandbox()
    assert await run(again, "cat data/in.txt") == "mine\n"
    place.workspace.write("data/in.txt", b"two", threading.Event())
    place.workspace.write("more.txt", b"more", threading.Event())
    assert await run(again, "cat data/in.txt more.txt") == "twomore"
    await again.close()


async def test_a_job_that_was_only_starting_when_its_server_died_is_cancelled_and_another_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with remote_setup("hub", tmp_path, monkeypatch) as place:
        first = place.sandbox()
        await run(first, "true")
        await first.close()
        (job,) = place.jobs.jobs.values()
        job.stage = "SCHEDULING"
        claim = await place.claim()
        await place.claims.put(Claim(claim.claim_id, claim.kind))
        second = place.sandbox()
        assert await run(second, "echo alive") == "alive\n"
        assert place.jobs.cancelled == [job.job_id] and len(place.there()) == 1
        await second.close()


async def test_a_job_made_with_a_token_that_was_replaced_is_replaced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with remote_setup("hub", tmp_path, monkeypatch) as place:
        first = place.sandbox()
        await run(first, "true")
        await first.close()
        (job,) = place.jobs.jobs.values()
        newer = "hf_ann_newer_0123456789"
        place.hub.users[newer] = "ann"
        second = place.sandbox(newer)
        assert await run(second, "echo alive") == "alive\n"
        assert place.jobs.cancelled == [job.job_id] and len(place.there()) == 1
        await second.close()


async def test_a_long_command_keeps_its_job_from_ending_as_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tasks: TaskOwner
) -> None:
    async with remote_setup("hub", tmp_path, monkeypatch, hub_idle_s=0.03) as place:
        sandbox = place.sandbox()
        running = tasks.start(run(sandbox, "until test -e go; do sleep 0.02; done"), "command")
        await eventually(lambda: any(job.process_listings > 1 for job in place.jobs.jobs.values()))
        await sandbox.write("go", b"")
        await running
        await sandbox.close()


async def test_paid_hardware_starts_only_after_its_cost_was_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with remote_setup("space", tmp_path, monkeypatch, space_flavor="a10g-small") as place:
        sandbox = RemoteSandbox(place.maker(), place.claims, place.workspace, place.disk)
        assert (set(sandbox.spends().kinds), sandbox.spends().cost_usd) == ({"spend"}, 1.0)
        with pytest.raises(SandboxError, match="not begun"):
            await sandbox.read("a.txt")
        assert not place.there()
        sandbox.agree()
        await run(sandbox, "true")
        assert not sandbox.spends().kinds
        first = sandbox.take_cost()
        assert first is not None and 0 < first < 1
        await sandbox.close()


async def test_hardware_of_unknown_price_is_described_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with remote_setup("space", tmp_path, monkeypatch, space_flavor="new-chip") as place:
        sandbox = RemoteSandbox(place.maker(), place.claims, place.workspace, place.disk)
        assert (set(sandbox.spends().kinds), sandbox.spends().cost_usd) == ({"spend"}, None)
        assert sandbox.take_cost() is None


async def test_a_space_with_another_secret_gets_the_new_one_and_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with remote_setup("space", tmp_path, monkeypatch) as place:
        first = place.sandbox()
        await run(first, "true")
        await first.close()
        (space,) = place.hub.spaces.values()
        assert space.program is not None
        await space.program.stop()
        right, space.secrets[SECRET_VARIABLE] = space.secrets[SECRET_VARIABLE], "another".ljust(40)
        await place.hub.start(space.repo)
        second = place.sandbox()
        assert await run(second, "echo back") == "back\n"
        assert space.secrets[SECRET_VARIABLE] == right
        await second.close()


async def test_a_space_that_broke_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with remote_setup("space", tmp_path, monkeypatch) as place:
        first = place.sandbox()
        await run(first, "true")
        await first.close()
        (space,) = place.hub.spaces.values()
        space.stages = deque(["RUNTIME_ERROR"])
        second = place.sandbox()
        assert await run(second, "echo new") == "new\n"
        assert place.hub.deleted == [space.repo] and len(place.there()) == 1
        await second.close()
