"""Editor elsewhere: an editor at one server, the page at another, wscat at the third, which runs the session and is killed; all go on."""

import asyncio
import contextlib
import signal
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import expect

from clients import SessionClient
from protocol.content import AssistantMessage
from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.storage.test_nodes import ON_A_TEST_SERVER, node
from tests.support.acp.editor import Editor, editor_process
from tests.support.models.scripted_model import Call, Hang, ScriptedModel, Text, calls, stream, text
from tests.support.wscat import wscat

WRITES = [calls(Call("write", {"path": f"{name}.txt", "content": name})) for name in ("first", "second")]
SCRIPT = [
    stream(Text("One, two, "), Hang()),
    WRITES[0],
    text("Written."),
    WRITES[1],
    text("Written again."),
    stream(Text("Once upon "), Hang()),
    text("They lived."),
]
LEASE_S = 2.0


async def shows(one: Editor, *answers: str) -> None:
    """The editor gets to show just this."""
    await one.until(lambda: len(one.text()) >= len("".join(answers)))
    assert one.text() == "".join(answers)


@in_the_long_form
@pytest.mark.timeout(300)
async def test_an_editor_the_page_and_wscat_at_three_servers_go_on_when_the_one_that_runs_the_session_is_killed(
    tabs: Tabs, zygote: Zygote, tmp_path: Path, database: str
) -> None:
    tabs.expects(NETWORK)
    async with contextlib.AsyncExitStack() as ends:
        model = await ends.enter_async_context(ScriptedModel(SCRIPT, allow_complaints=True))
        made = []
        for name in "abc":
            settings = node(tmp_path / name / "data", model, database, lease_s=LEASE_S)
            settings = msgspec.structs.replace(settings, auth=msgspec.structs.replace(settings.auth, local_token=True))
            one = ServerProcess(zygote, tmp_path / name, settings, hooks=[ON_A_TEST_SERVER])
            made.append(await ends.enter_async_context(one))
            await one.start()
        a, b, c = made
        file = tmp_path / "a" / "data" / "token"
        token = file.read_text().strip()
        bearer = ("-H", f"Authorization: Bearer {token}")
        person = await ends.enter_async_context(wscat(c.ws, *bearer))
        session_id = (await person.until("ready"))["session_id"]
        coder = await ends.enter_async_context(editor_process("--url", b.http, "--token-file", str(file)))
        await coder.initialize()
        assert "error" not in await coder.load(session_id)
        chat = await tabs.open(f"{a.http}/s/{session_id}#token={token}")
        await chat.live()

        # What the editor asks for is seen at the page and by wscat while it is written, and stopped at the page.
        counted = coder.prompt(session_id, "count")
        await expect(chat.answers).to_have_text(["One, two,"])
        await shows(coder, "One, two, ")
        await person.until("assistant_chunk")
        await chat.button("Stop").click()
        assert (await counted)["result"] == {"stopReason": "cancelled"}

        # A call that the editor's prompt made is approved on the page.
        written = coder.prompt(session_id, "write")
        await coder.until(lambda: coder.asks)
        await chat.approvals.get_by_role("button", name="Approve", exact=True).click()
        assert (await written)["result"] == {"stopReason": "end_turn"}
        assert coder.withdrawn == [ask["id"] for ask in coder.asks]
        # One that the page's prompt made is approved in the editor.
        await chat.idle()
        await chat.say("write again")
        await expect(chat.approvals).to_have_count(1)
        await coder.until(lambda: len(coder.asks) == 2)
        coder.choose(coder.asks[1], coder.asks[1]["params"]["options"][0]["optionId"])
        await expect(chat.answers.last).to_have_text("Written again.")
        await expect(chat.approvals).to_have_count(0)
        await chat.idle()

        # Their server is killed in the middle of an answer.
        told = coder.prompt(session_id, "tell")
        await expect(chat.answers.last).to_have_text("Once upon")
        c.signal(signal.SIGKILL)
        async with asyncio.timeout(45):
            assert (await told)["error"]["data"]["code"] == "restart"
            assert (await coder.prompt(session_id, "and then?"))["result"] == {"stopReason": "end_turn"}
        answers = ["One, two, ", "Written.", "Written again.", "Once upon ", "They lived."]
        await shows(coder, *answers)
        await chat.idle()
        await expect(chat.answers).to_have_text([one.strip() for one in answers])
        async with SessionClient(b.http, session_id, token=token, feed_max=0) as late:
            await late.wait_until(lambda view: not view.turn_id)
            assert [one.text for one in late.view.messages if isinstance(one, AssistantMessage) and one.text] == answers
        for name in ("first", "second"):
            (found,) = (tmp_path / "files").rglob(f"{name}.txt")
            assert found.read_text() == name
        assert len(model.requests) == len(SCRIPT)
