"""Two tabs on one session: both show the same, whichever of them acts."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.chat import Chat
from tests.browser.support.journal import submissions_of
from tests.browser.support.scene import scene
from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.live import Address, Live
from tests.support.models.scripted_model import Answer, Call, Finish, Gate, Text, Usage, calls, stream, text
from tests.support.network.tcp_proxy import TcpProxy

WRITE = Call("write", {"path": "note.txt", "content": "a note"})


@contextlib.asynccontextmanager
async def both(tabs: Tabs, folder: Path, *script: Answer, prompt: str) -> AsyncIterator[tuple[Chat, Chat, Live]]:
    """Two tabs of one browser on the session that begins with `prompt`."""
    async with scene(tabs, folder, script) as at:
        await at.chat.say(prompt)
        await at.chat.page.wait_for_url("**/s/*")
        other = await tabs.open(at.chat.page.url, beside=at.chat)
        await other.live()
        yield at.chat, other, at.live


async def same(one: Chat, other: Chat, live: Live) -> None:
    """Both are at rest and show what the journal says."""
    for chat in (one, other):
        await chat.idle()
        await chat.shows_the_journal(live.http)


async def test_two_tabs_show_the_same_and_of_two_answers_the_first_wins(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    script = [
        text("First."),
        stream(Text("One, two, "), gate, Text("three."), Finish(), Usage()),
        calls(WRITE),
        text("Not written."),
    ]
    async with both(tabs, tmp_path, *script, prompt="hello") as (one, other, live):
        await a_message_in_one_tab_streams_into_the_other(one, other, live, gate)
        tabs.check()
        tabs.expects(NETWORK)  # the proxy ends before the tab that is behind it
        await of_two_answers_the_first_wins_and_the_other_client_is_informed(one, other, live)


async def a_message_in_one_tab_streams_into_the_other(one: Chat, other: Chat, live: Live, gate: Gate) -> None:
    await expect(other.answers).to_have_text("First.")
    await other.say("count")
    for chat in (one, other):
        await expect(chat.answers).to_have_text(["First.", "One, two,"])
    gate.open()
    for chat in (one, other):
        await expect(chat.answers).to_have_text(["First.", "One, two, three."])
    await same(one, other, live)


async def of_two_answers_the_first_wins_and_the_other_client_is_informed(one: Chat, other: Chat, live: Live) -> None:
    """One tab's answer is held up in the network while the other's is taken."""
    await one.say("write")
    await expect(one.approvals).to_have_count(1)
    async with TcpProxy("127.0.0.1", live.port) as proxy:
        await other.page.goto(f"{Address(proxy.port).http}/s/{one.session_id}")
        approve = other.approvals.get_by_role("button", name="Approve", exact=True)
        await expect(approve).to_be_visible()
        proxy.blackhole()
        await approve.click()
        await one.approvals.get_by_role("button", name="Reject…").click()
        await one.page.get_by_label("Why not").fill("not now")
        await one.page.get_by_label("Why not").press("Enter")
        await expect(one.answers.last).to_have_text("Not written.")
        proxy.flow()
        await expect(other.page.get_by_text("This call was answered elsewhere already.")).to_be_visible()
        await expect(other.approvals).to_have_count(0)
        await same(one, other, live)
    assert (await submissions_of(live.http, one.session_id))[2:] == ["write", "exec_approval"]


@in_the_long_form
async def test_an_approval_answered_in_one_is_resolved_in_the_other(tabs: Tabs, tmp_path: Path) -> None:
    async with both(tabs, tmp_path, calls(WRITE), text("Written."), prompt="write") as (one, other, live):
        await expect(one.approvals).to_have_count(1)
        await other.approvals.get_by_role("button", name="Approve", exact=True).click()
        await expect(one.approvals).to_have_count(0)
        await expect(one.answers).to_have_text("Written.")
        await same(one, other, live)


@in_the_long_form
async def test_a_turn_stopped_in_one_is_stopped_in_the_other(tabs: Tabs, tmp_path: Path) -> None:
    script = [stream(Text("One, two, "), Gate(), Finish())]
    async with both(tabs, tmp_path, *script, prompt="count") as (one, other, live):
        await expect(other.answers).to_have_text("One, two,")
        await other.button("Stop").click()
        for chat in (one, other):
            await expect(chat.notes).to_contain_text("Stopped by you.")
            await expect(chat.page.get_by_text("Cut short here")).to_be_visible()
        await same(one, other, live)


@in_the_long_form
async def test_a_turn_undone_in_one_tab_is_gone_in_the_other(tabs: Tabs, tmp_path: Path) -> None:
    async with both(tabs, tmp_path, text("First."), prompt="hello") as (one, other, live):
        await expect(other.answers).to_have_text("First.")
        await other.more("Take the last turn back")
        for chat in (one, other):
            await expect(chat.page.get_by_text("Say what you want to be done.")).to_be_visible()
        await same(one, other, live)


@in_the_long_form
async def test_a_message_changed_in_one_is_changed_in_the_other(tabs: Tabs, tmp_path: Path) -> None:
    script = [text("First."), text("Second."), text("Anew.")]
    async with both(tabs, tmp_path, *script, prompt="hello") as (one, other, live):
        await expect(one.answers).to_have_text("First.")
        await one.say("more")
        await expect(other.answers).to_have_text(["First.", "Second."])
        await other.idle()
        await other.rows.first.get_by_role("button", name="Edit").click()
        await other.page.get_by_label("Say instead").fill("good day")
        await other.page.get_by_label("Say instead").press("Enter")
        for chat in (one, other):
            await expect(chat.messages).to_have_text(["good day", "Anew."])
        await same(one, other, live)
