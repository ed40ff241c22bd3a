"""Several servers: a page at one shows what is done at another, and approvals of either are answered at the other."""

from pathlib import Path

from playwright.async_api import expect

from protocol import events as ev
from protocol.submissions import Approval, ExecApproval, UserInput
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import ASKS_TO_WRITE
from tests.support.live import client
from tests.support.models.scripted_model import Answer, Call, Request, ScriptedModel, calls, text
from tests.unit.server.sessions.nodes.two import two


def answer(request: Request) -> Answer:
    if request.messages[-1]["role"] == "tool":
        return text(f"Written {sum(message['role'] == 'tool' for message in request.messages)}.")
    return calls(Call("write", {"path": "a.txt", "content": "a"}))


@in_the_long_form
async def test_a_page_at_one_server_shows_and_answers_what_is_done_at_another(
    tabs: Tabs, tmp_path: Path, database: str
) -> None:
    async with ScriptedModel(answer) as model, two(tmp_path, database, model, policy=ASKS_TO_WRITE) as (a, b):
        async with client(b) as other:
            session_id = (await other.synced()).ready.session_id
            chat = await tabs.open(f"{a.http}/s/{session_id}")
            await chat.live()
            await other.send(UserInput(text="first"))
            await expect(chat.approvals).to_have_count(1)
            await chat.button("Approve").click()
            await other.until_type(ev.TurnComplete)
            await expect(chat.answers.last).to_have_text("Written 1.")
            await chat.say("second")
            asked = await other.until_type(ev.ApprovalRequired)
            await expect(chat.approvals).to_have_count(1)
            await other.send(ExecApproval(approvals=[Approval(asked.tools[0].tool_call_id, True)]))
            await expect(chat.answers.last).to_have_text("Written 2.")
            await expect(chat.approvals).to_have_count(0)
            assert a.manager.registry.get(session_id) is None, "it runs at the other"
        await chat.shows_the_journal(a.http)
        tabs.check()
        await tabs.close()
