"""`hf_jobs` in a whole server: the model calls it, a person approves, its logs arrive while they are written."""

import asyncio
from pathlib import Path

import pytest

from protocol import events as ev
from protocol.submissions import Approval, ExecApproval, Interrupt, UserInput
from server.auth.principal import LOCAL
from tests.support.application import Listener, running, settings_for
from tests.support.hub.standin_hub import StandinHub
from tests.support.live import DONE, client, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.unit.agent.tools.hub.sessions import Parts

JOB = {
    "operation": "run",
    "image": "python:3.12",
    "command": ["python", "train.py"],
    "flavor": "a10g-small",
    "secrets": ["HF_TOKEN"],
}


def bounds(hub: StandinHub) -> dict[str, object]:
    return {"endpoint": hub.url, "datasets_server": f"{hub.url}/viewer", "poll_s": 0.01}


async def test_a_job_asks_is_approved_and_streams_its_logs(tmp_path: Path, hub: StandinHub, parts: Parts) -> None:
    script = [calls(Call("hf_jobs", JOB, id="c1")), text("Trained.")]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model, hub=bounds(hub))) as live,
    ):
        session_id = await live.manager.create_session(LOCAL.user_id, "hf_alice")
        async with client(live, session_id) as talker:
            await talker.send(UserInput(text="train it"))
            request = await talker.until_type(ev.ApprovalRequired)
            assert not hub.faults.received
            reason = request.tools[0].reason
            assert "runs python train.py in python:3.12 on a10g-small, for 30 min for $0.50 at most" in reason
            assert "gives it the owner's Hugging Face token as HF_TOKEN" in reason
            await talker.send(ExecApproval(approvals=[Approval("c1", True)]))
            await parts.jobs.made.wait()
            job = parts.jobs.newest
            job.write("epoch 1", f"token={job.spec['secrets']['HF_TOKEN']}")
            logs = ""
            while "epoch 1" not in logs:
                logs += (await talker.until_type(ev.ToolLog)).text
            job.write("epoch 2")
            while "epoch 2" not in logs:
                logs += (await talker.until_type(ev.ToolLog)).text
            job.end("COMPLETED", seconds=120)
            output = await talker.until_type(ev.ToolOutput)
            assert output.success and "epoch 1\n" in output.output and output.output.endswith("epoch 2")
            assert output.cost_usd == 2 / 60
            assert "token=[redacted" in output.output and "hf_alice" not in f"{talker.events}"
            assert (await talker.until_type(*DONE)).final_response == "Trained."
    assert {request.token for request in hub.faults.received} == {"hf_alice"}


async def test_an_interrupted_call_leaves_the_job_running_and_names_it(
    tmp_path: Path, hub: StandinHub, parts: Parts
) -> None:
    script = [calls(Call("hf_jobs", JOB, id="c1")), text("Trained.")]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model, hub=bounds(hub))) as live,
    ):
        session_id = await live.manager.create_session(LOCAL.user_id, "hf_alice")
        async with client(live, session_id) as talker:
            await talker.send(UserInput(text="train it"))
            await talker.until_type(ev.ApprovalRequired)
            await talker.send(ExecApproval(approvals=[Approval("c1", True)]))
            log = await talker.until_type(ev.ToolLog)
            job = parts.jobs.newest
            await job.followed.wait()
            await talker.send(Interrupt())
            await talker.until_type(ev.Interrupted)
            assert job.job_id in log.text and job.stage == "RUNNING"
            await asyncio.wait_for(job.left.wait(), 10)


@pytest.mark.parametrize("local_token", [True, False])
async def test_in_local_mode_the_one_user_may_write_their_token_into_the_settings(
    tmp_path: Path, hub: StandinHub, local_token: bool
) -> None:
    hub.repos.store.put("model", "alice/secret", {"a.txt": b"mine"}, private=True)
    script = [calls(Call("hf_repo", {"operation": "read", "repo": "alice/secret", "path": "a.txt"})), text("Read.")]
    auth = {"local_token": local_token, "local_hf_token": "hf_alice"}
    async with (
        ScriptedModel(script) as model,
        running(settings_for(tmp_path, model, hub=bounds(hub), auth=auth)) as manager,
    ):
        async with manager.attach_new(LOCAL.user_id) as port:
            listener = Listener(port)
            await manager.submit_user_input(port.session_id, "read it")
            output = await listener.until_type(ev.ToolOutput)
            assert (output.output, output.success) == ("mine", True)
            await listener.until_type(*DONE)
