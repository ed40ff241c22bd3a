"""Remote sandboxes over the life of a session: made by its first command, kept while it sleeps, deleted with it."""

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.session.messages import SubmissionRefusal
from protocol import events as ev
from protocol.submissions import Approval
from server.journal.base import HeldClaim
from server.journal.sqlite import open_journal
from server.sessions.manager import SessionManager
from server.util.clock import utc_now
from tests.support.application import Listener, running, settings_for
from tests.support.hub.standin_spaces import StandinSpaces, standin_spaces
from tests.support.models.model_script import Call, calls, text
from tests.support.models.scripted_model import Request, ScriptedModel
from tests.support.sandbox.standin_sandboxes import StandinSandboxes
from tests.unit.server.journal.builders import NOON, row

TOKEN = "hf_ann_0123456789"
FREELY = {"rules": [{"tool": "*", "action": "allow"}]}
SPACE: dict[str, Any] = {
    "kind": "space",
    "space_template": "templates/sandbox",
    "poll_s": 0.001,
    "sweep_s": 0.05,
    "sweep_retry_s": 0.001,
    "unsettled_s": 0.0,
}


@contextlib.asynccontextmanager
async def spaces(folder: Path) -> AsyncIterator[StandinSpaces]:
    async with standin_spaces(folder / "spaces") as hub:
        hub.users[TOKEN] = "ann"
        yield hub


def bash(command: str) -> Callable[[Request], Any]:
    """A model that runs one command, then is done."""

    def answer(request: Request) -> Any:
        last = request.messages[-1]
        return text("Done.") if last["role"] == "tool" else calls(Call("bash", {"command": command}))

    return answer


@contextlib.asynccontextmanager
async def server(
    folder: Path, hub: StandinSpaces, command: str = "echo hello", policy: Any = FREELY, **sandbox: Any
) -> AsyncIterator[SessionManager]:
    async with ScriptedModel(bash(command)) as model:
        settings = settings_for(
            folder / "data", model, hub={"endpoint": hub.url}, sandbox={**SPACE, **sandbox}, policy=policy
        )
        async with running(settings) as manager:
            yield manager


async def ask(manager: SessionManager, session_id: str) -> ev.ToolOutput:
    """One turn; what its command came to."""
    async with manager.attach((await manager.registry.open(session_id)).row) as port:
        listener = Listener(port, port.head)
    await manager.submit_user_input(session_id, "go")
    output = await listener.until_type(ev.ToolOutput)
    await listener.until_type(ev.TurnComplete)
    assert isinstance(output, ev.ToolOutput)
    return output


async def given_back(manager: SessionManager, hub: StandinSpaces) -> None:
    """Until nothing is left, there or in the journal."""
    await hub.until(lambda: not hub.spaces)
    while await manager.journal.claims():
        await hub.until(lambda: True)


async def test_a_remote_sandbox_is_made_by_the_first_command_and_deleted_with_its_session(tmp_path: Path) -> None:
    async with spaces(tmp_path) as hub, server(tmp_path, hub) as manager:
        session_id = await manager.create_session("ann", TOKEN)
        assert not hub.made
        output = await ask(manager, session_id)
        assert output.success and output.output.endswith("hello\n")
        assert (await ask(manager, session_id)).output == "hello\n"
        (space,) = hub.spaces.values()
        assert space.private and space.repo.startswith("ann/holdfast-sandbox-")
        assert space.secrets_when_built == space.secrets and len(space.secrets) == 1
        await manager.delete_session(session_id)
        assert hub.deleted == hub.made == [space.repo]
        assert await manager.journal.claims() == []


async def test_a_job_is_cancelled_with_its_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users: dict[str, str] = {}
    address: list[str] = []
    jobs = StandinSandboxes(tmp_path / "jobs", users, lambda: address[0])
    async with standin_spaces(tmp_path / "spaces", *jobs.routes()) as hub:
        hub.users = users
        users[TOKEN] = "ann"
        address.append(hub.url)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        async with server(tmp_path, hub, kind="hub") as manager:
            session_id = await manager.create_session("ann", TOKEN)
            assert (await ask(manager, session_id)).output.endswith("hello\n")
            (job,) = jobs.jobs.values()
            assert job.stage == "RUNNING" and job.spec["environment"]["SBX_IDLE_TIMEOUT"] == "1800"
            await manager.delete_session(session_id)
            assert jobs.cancelled == [job.job_id]
            assert await manager.journal.claims() == []
        await jobs.aclose()


async def test_a_remote_sandbox_is_deleted_when_the_session_is_shut_down(tmp_path: Path) -> None:
    async with spaces(tmp_path) as hub, server(tmp_path, hub, sweep_s=3_600.0) as manager:
        session_id = await manager.create_session("ann", TOKEN)
        await ask(manager, session_id)
        assert not isinstance(await manager.shutdown_session(session_id), SubmissionRefusal)
        await given_back(manager, hub)


async def test_a_remote_sandbox_stays_while_the_session_sleeps_and_is_found_again(
    tmp_path: Path,
) -> None:
    async with spaces(tmp_path) as hub:
        async with server(tmp_path, hub, "date >> log; wc -l < log") as manager:
            session_id = await manager.create_session("ann", TOKEN)
            assert (await ask(manager, session_id)).output.endswith("1\n")
            async with manager.registry.activated(session_id) as actor:
                pass
            await manager.registry.end(actor)
            looked = hub.requests["runtime"]
            assert (await ask(manager, session_id)).output.endswith("2\n")
            assert hub.requests["runtime"] > looked
        async with server(tmp_path, hub, "date >> log; wc -l < log") as manager:
            manager._owner_tokens.give("ann", TOKEN)  # as a login would bring it
            assert (await ask(manager, session_id)).output.endswith("3\n")
        assert len(hub.made) == 1 and not hub.deleted


async def test_without_the_owners_token_there_is_no_shell_and_files_are_local(tmp_path: Path) -> None:
    async with spaces(tmp_path) as hub, server(tmp_path, hub) as manager:
        session_id = await manager.create_session("ann")
        output = await ask(manager, session_id)
        assert not output.success and "there is no tool 'bash'" in output.output
        assert not hub.requests


async def test_a_failed_deletion_of_a_sandbox_is_retried(tmp_path: Path) -> None:
    async with spaces(tmp_path) as hub, server(tmp_path, hub) as manager:
        session_id = await manager.create_session("ann", TOKEN)
        await ask(manager, session_id)
        hub.faults["delete"] = deque([500, 503, 500])
        await manager.delete_session(session_id)
        await given_back(manager, hub)
        assert hub.requests["delete"] == 4


async def test_a_sandbox_that_never_gets_healthy_is_deleted_and_the_model_gets_the_reason(tmp_path: Path) -> None:
    async with spaces(tmp_path) as hub, server(tmp_path, hub) as manager:
        hub.never_starts = "BUILD_ERROR"
        session_id = await manager.create_session("ann", TOKEN)
        output = await ask(manager, session_id)
        assert not output.success and "BUILD_ERROR" in output.output
        assert hub.deleted == hub.made and await manager.journal.claims() == []
        hub.never_starts = ""
        assert (await ask(manager, session_id)).success


async def test_a_sandbox_that_only_builds_is_given_up_after_a_while(tmp_path: Path) -> None:
    async with spaces(tmp_path) as hub, server(tmp_path, hub, start_timeout_s=0.3) as manager:
        hub.never_starts = "APP_STARTING"
        session_id = await manager.create_session("ann", TOKEN)
        output = await ask(manager, session_id)
        assert "not ready within 0.3 s" in output.output
        assert hub.deleted == hub.made


async def test_the_build_of_a_sandbox_is_reported_and_a_call_that_waits_too_long_must_retry(
    tmp_path: Path,
) -> None:
    async with spaces(tmp_path) as hub, server(tmp_path, hub, start_wait_s=1.0) as manager:
        hub.never_starts = "BUILDING"
        session_id = await manager.create_session("ann", TOKEN)
        async with manager.attach((await manager.registry.open(session_id)).row) as port:
            listener = Listener(port)
        assert "try again in a minute" in (await ask(manager, session_id)).output
        await listener.until_type(ev.TurnComplete)
        log = "".join(event.text for event in listener.events if isinstance(event, ev.ToolLog))
        assert "the sandbox is being built" in log


async def test_the_space_named_in_the_settings_is_used_and_never_deleted(tmp_path: Path) -> None:
    secret = "a secret of somebody's own making"
    async with spaces(tmp_path) as hub:
        hub.by_hand("ann/machine", secret)
        await hub.start("ann/machine")
        async with server(tmp_path, hub, space="ann/machine", space_secret=secret) as manager:
            session_id = await manager.create_session("ann", TOKEN)
            assert (await ask(manager, session_id)).output.endswith("hello\n")
            assert await manager.journal.claims() == []
            await manager.delete_session(session_id)
        assert list(hub.spaces) == ["ann/machine"] and not hub.requests["delete"] and not hub.made


async def test_paid_hardware_needs_approval_and_is_accounted(
    tmp_path: Path,
) -> None:
    async with spaces(tmp_path) as hub:
        async with server(tmp_path, hub, policy={}, space_flavor="t4-small") as manager:
            session_id = await manager.create_session("ann", TOKEN)
            async with manager.attach((await manager.registry.open(session_id)).row) as port:
                listener = Listener(port)
            await manager.submit_user_input(session_id, "go")
            request = await listener.until_type(ev.ApprovalRequired)
            assert "a sandbox on t4-small at $0.4 an hour" in request.tools[0].reason
            assert not hub.made
            await manager.submit_approval(session_id, [Approval(request.tools[0].tool_call_id, True)])
            output = await listener.until_type(ev.ToolOutput)
            assert isinstance(output, ev.ToolOutput) and isinstance(output.cost_usd, float)
            assert 0 < output.cost_usd < 0.4
            (space,) = hub.spaces.values()
            assert (space.hardware, space.sleep_s) == ("t4-small", 1_800)


async def test_the_plan_uses_no_sandbox_and_so_neither_asks_for_paid_hardware_nor_costs_anything(
    tmp_path: Path,
) -> None:
    plan = calls(Call("plan", {"items": [{"text": "look", "status": "pending"}]}))
    async with spaces(tmp_path) as hub, ScriptedModel([plan, text("Done.")]) as model:
        sandbox = {**SPACE, "space_flavor": "t4-small"}
        settings = settings_for(tmp_path / "data", model, hub={"endpoint": hub.url}, sandbox=sandbox, policy={})
        async with running(settings) as manager:
            session_id = await manager.create_session("ann", TOKEN)
            async with manager.attach((await manager.registry.open(session_id)).row) as port:
                listener = Listener(port)
            await manager.submit_user_input(session_id, "go")
            assert isinstance(await listener.until_type(ev.TurnComplete, ev.ApprovalRequired), ev.TurnComplete)
            (output,) = [event for event in listener.events if isinstance(event, ev.ToolOutput)]
            assert output.success and output.cost_usd is msgspec.UNSET
        assert not hub.made


# ---------------------------------------------------------------------------------------------------------- the sweep


async def left_behind(folder: Path, *claims: HeldClaim, deleted: bool = False, state: str = "idle") -> None:
    """A journal in which a session has these claims, as a server that died would leave it."""
    journal = await open_journal(folder / "data")
    await journal.create(msgspec.structs.replace(row("s"), state=state))
    for claim in claims:
        await journal.claim(claim)
    if deleted:
        await journal.delete("s")
    await journal.aclose()


CLAIM = HeldClaim("c1", "s", "ann", "space", "ann/holdfast-sandbox-c1", NOON)
CUT = msgspec.structs.replace(CLAIM, detail="")


@contextlib.asynccontextmanager
async def logged_in(folder: Path, hub: StandinSpaces, **sandbox: Any) -> AsyncIterator[SessionManager]:
    """A server that knows ann's token from the start."""
    async with server(folder, hub, **sandbox) as manager:
        manager._owner_tokens.give("ann", TOKEN)
        manager._collector.soon()
        yield manager


@pytest.mark.parametrize("claim", [CLAIM, CUT], ids=["known", "answer never heard"])
@pytest.mark.parametrize("over", ["deleted", "closed"])
async def test_a_sandbox_left_by_a_crash_is_released_at_start_up(tmp_path: Path, claim: HeldClaim, over: str) -> None:
    await left_behind(tmp_path, claim, deleted=over == "deleted", state="closed" if over == "closed" else "idle")
    async with spaces(tmp_path) as hub:
        hub.by_hand("ann/holdfast-sandbox-c1", "x" * 32)
        async with logged_in(tmp_path, hub) as manager:
            await given_back(manager, hub)
            assert hub.deleted == ["ann/holdfast-sandbox-c1"]


async def test_a_sleeping_session_keeps_its_sandbox_but_not_one_whose_answer_was_lost(tmp_path: Path) -> None:
    other = msgspec.structs.replace(CUT, claim_id="c2")
    await left_behind(tmp_path, CLAIM, other)
    async with spaces(tmp_path) as hub:
        hub.by_hand("ann/holdfast-sandbox-c1", "x" * 32)
        hub.by_hand("ann/holdfast-sandbox-c2", "x" * 32)
        async with logged_in(tmp_path, hub) as manager:
            await hub.until(lambda: bool(hub.deleted))
            assert await manager._collector.sweep() >= 0
            assert (list(hub.spaces), hub.deleted) == (["ann/holdfast-sandbox-c1"], ["ann/holdfast-sandbox-c2"])
            assert [claim.claim_id for claim in await manager.journal.claims()] == ["c1"]


async def test_a_sandbox_that_may_still_appear_is_searched_until_it_does(tmp_path: Path) -> None:
    await left_behind(tmp_path, msgspec.structs.replace(CUT, claimed_at=utc_now()), deleted=True)
    async with spaces(tmp_path) as hub:
        async with logged_in(tmp_path, hub, unsettled_s=3_600.0) as manager:
            await hub.until(lambda: hub.requests["runtime"] >= 2)
            assert len(await manager.journal.claims()) == 1
            hub.by_hand("ann/holdfast-sandbox-c1", "x" * 32)
            await given_back(manager, hub)


async def test_without_the_owners_token_a_sandbox_is_released_when_the_owner_is_back(tmp_path: Path) -> None:
    await left_behind(tmp_path, CLAIM, deleted=True)
    async with spaces(tmp_path) as hub:
        hub.by_hand("ann/holdfast-sandbox-c1", "x" * 32)
        async with server(tmp_path, hub, sweep_s=3_600.0) as manager:
            await manager._collector.sweep()
            assert (await manager.journal.claims(), list(hub.spaces)) == ([CLAIM], ["ann/holdfast-sandbox-c1"])
            assert not hub.requests
            await manager.create_session("ann", TOKEN)
            await given_back(manager, hub)


async def test_a_space_that_no_session_made_is_never_deleted(tmp_path: Path) -> None:
    await left_behind(tmp_path, msgspec.structs.replace(CLAIM, detail="ann/my-own"), deleted=True)
    async with spaces(tmp_path) as hub:
        hub.by_hand("ann/my-own", "x" * 32)
        async with logged_in(tmp_path, hub) as manager:
            await manager._collector.sweep()
            assert list(hub.spaces) == ["ann/my-own"] and not hub.requests["delete"]
