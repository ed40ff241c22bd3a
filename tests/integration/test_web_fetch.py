"""`web_fetch` in a whole server: a person is asked with the URL, and exactly what was approved is fetched."""

from pathlib import Path

from protocol import events as ev
from protocol.submissions import Approval, ExecApproval, UserInput
from tests.support.application import settings_for
from tests.support.live import client, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text


async def test_a_page_is_fetched_after_its_url_is_approved(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path / "other")) as other:
        url = f"{other.http}/livez"
        script = [calls(Call("web_fetch", {"url": url}, id="c1")), text("It lives.")]
        async with (
            ScriptedModel(script) as model,
            listening(settings_for(tmp_path / "data", model, web={"allow_private_networks": True})) as live,
            client(live) as talker,
        ):
            await talker.send(UserInput(text="is it well?"))
            approval = await talker.until_type(ev.ApprovalRequired)
            assert url in approval.tools[0].reason and "127.0.0.1" in approval.tools[0].reason
            await talker.send(ExecApproval(approvals=[Approval("c1", True)]))
            output = await talker.until_type(ev.ToolOutput)
            assert output.success and output.output.endswith('{"status":"ok"}')
            await talker.until_type(ev.TurnComplete)


async def test_a_private_address_is_refused_without_an_approval(tmp_path: Path) -> None:
    script = [calls(Call("web_fetch", {"url": "http://169.254.169.254/latest/"}, id="c1")), text("I may not.")]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model)) as live,
        client(live) as talker,
    ):
        await talker.send(UserInput(text="credentials, please"))
        output = await talker.until_type(ev.ToolOutput)
        assert not output.success and "cannot be fetched from" in output.output
        await talker.until_type(ev.TurnComplete)
    assert not any(isinstance(event, ev.ApprovalRequired) for event in talker.events)
