"""Network of an open page: cut, refused, silent, slow or gone, during an answer and during an approval."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Locator, expect

from protocol import events as ev
from protocol.content import ToolMessage
from tests.browser.support.chat import Chat
from tests.browser.support.journal import events_of, happened, submissions_of
from tests.browser.support.tabs import NETWORK, TALL, Tabs
from tests.faults.harness.lengths import few, in_the_long_form
from tests.support.application import settings_for
from tests.support.live import Address, Live, listening
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Gate,
    ScriptedModel,
    Text,
    Usage,
    calls,
    stream,
    text,
)
from tests.support.network.tcp_link import Direction
from tests.support.network.tcp_proxy import TcpProxy

HEARTBEAT_S = 0.25
WRITE = Call("write", {"path": "note.txt", "content": "a note"})


@dataclass
class Scene:
    """A page behind a proxy in front of a server."""

    chat: Chat
    proxy: TcpProxy
    live: Live
    model: ScriptedModel

    async def lost(self) -> None:
        """Until the page says that it has no connection."""
        await expect(self.chat.line).not_to_have_attribute("data-phase", "live")


@contextlib.asynccontextmanager
async def scene(tabs: Tabs, folder: Path, *script: Answer, patience: float | None = None) -> AsyncIterator[Scene]:
    """`patience`: what the page's dice say, by which it waits before it tries again; else they are fair."""
    tabs.expects(NETWORK)
    async with ScriptedModel(script) as model:
        settings = settings_for(folder, model, socket={"heartbeat_s": HEARTBEAT_S})
        async with listening(settings) as live, TcpProxy("127.0.0.1", live.port) as proxy:
            dice = "" if patience is None else f"Math.random = () => {patience}"
            chat = await tabs.open(Address(proxy.port).http, script=dice, viewport=TALL)
            yield Scene(chat, proxy, live, model)


Fault = Callable[[Scene], AbstractAsyncContextManager[None]]
"""Breaks the network; it is whole again where the block ends."""


@contextlib.asynccontextmanager
async def cut(at: Scene) -> AsyncIterator[None]:
    await at.proxy.refuse()
    await at.proxy.cut()
    await at.lost()
    yield
    await at.proxy.accept()


@contextlib.asynccontextmanager
async def ended(at: Scene) -> AsyncIterator[None]:
    await at.proxy.refuse()
    await at.proxy.cut(hard=False)
    await at.lost()
    yield
    await at.proxy.accept()


@contextlib.asynccontextmanager
async def blackholed(at: Scene) -> AsyncIterator[None]:
    at.proxy.blackhole()
    await at.lost()
    yield
    at.proxy.flow()


@contextlib.asynccontextmanager
async def offline(at: Scene) -> AsyncIterator[None]:
    await at.chat.page.context.set_offline(True)
    await expect(at.chat.line).to_contain_text("Offline")
    yield
    await at.chat.page.context.set_offline(False)


@contextlib.asynccontextmanager
async def delayed(at: Scene) -> AsyncIterator[None]:
    at.proxy.delay(0.3)
    yield
    at.proxy.delay(0.0)


FAULTS = [cut, ended, blackholed, offline, delayed]


async def test_an_answer_goes_on_where_it_was_whatever_befell_the_network(tabs: Tabs, tmp_path: Path) -> None:
    """One conversation, whose turns are these functions."""
    async with scene(tabs, tmp_path) as at:
        for fault in few(FAULTS, 2):
            await an_answer_goes_on_where_it_was_once_the_network_is_back(at, fault)
        for fault in few(FAULTS):
            await events_without_a_socket_are_there_after_reconnecting(at, fault)
        await a_message_written_offline_survives_a_reload_and_is_sent_once(at)


async def an_answer_goes_on_where_it_was_once_the_network_is_back(at: Scene, fault: Fault) -> None:
    gates = [Gate(), Gate()]
    at.model.extend(
        stream(Text("One, two, "), gates[0], Text("three, four, "), gates[1], Text("five."), Finish(), Usage())
    )
    before = len(at.model.requests)
    await at.chat.say("count")
    await expect(at.chat.answers.last).to_have_text("One, two,")
    async with fault(at):
        gates[0].open()
        await gates[1].reached.wait()
    await expect(at.chat.answers.last).to_have_text("One, two, three, four,")
    await at.chat.live()
    gates[1].open()
    await at.chat.idle()
    view = await at.chat.shows_the_journal(at.live.http)
    assert len(view.messages) == 2 * (before + 1), fault


async def events_without_a_socket_are_there_after_reconnecting(at: Scene, fault: Fault) -> None:
    gate = Gate()
    at.model.extend(stream(Text("Six, seven, "), gate, Text("eight."), Finish(), Usage()))
    await at.chat.say("count")
    await expect(at.chat.answers.last).to_have_text("Six, seven,")
    seen = (await events_of(at.live.http, at.chat.session_id))[-1].seq
    async with fault(at):
        gate.open()
        await happened(at.live, at.chat.session_id, ev.TurnComplete, after=seen)
    await at.chat.idle()
    await at.chat.live()
    await at.chat.shows_the_journal(at.live.http)


async def a_message_written_offline_survives_a_reload_and_is_sent_once(at: Scene) -> None:
    at.model.extend(text("First."), text("Second."))
    before = await submissions_of(at.live.http, at.chat.session_id)
    await at.chat.say("one")
    await expect(at.chat.answers.last).to_have_text("First.")
    await at.chat.idle()
    await at.proxy.refuse()
    await at.proxy.cut()
    await at.lost()
    await at.chat.say("two")
    await expect(at.chat.page.get_by_text("not sent yet")).to_be_visible()
    await at.chat.field.fill("a thought that is not finished")
    await at.proxy.accept()
    at.proxy.blackhole()
    async with at.chat.page.expect_navigation(wait_until="commit"):
        await at.chat.page.evaluate("setTimeout(() => location.reload())")
        at.proxy.flow()
    await expect(at.chat.answers.last).to_have_text("Second.")
    await expect(at.chat.field).to_have_value("a thought that is not finished")
    await at.chat.shows_the_journal(at.live.http)
    assert await submissions_of(at.live.http, at.chat.session_id) == [*before, "one", "two"]


async def test_an_approval_is_taken_once_whatever_befell_the_network(tabs: Tabs, tmp_path: Path) -> None:
    """One conversation, whose turns are these functions."""
    async with scene(tabs, tmp_path) as at:
        for fault in few(FAULTS, 2):
            await an_approval_given_without_a_network_is_taken_once(at, fault)
        await an_approval_whose_answer_is_cut_off_on_its_way_is_taken_once(at, "up", 40)
        await an_approval_whose_answer_is_cut_off_on_its_way_is_taken_once(at, "down", 150)


async def approve_button(at: Scene) -> Locator:
    """Of a call that waits in a new turn."""
    turn = len(at.model.requests) // 2
    at.model.extend(calls(dataclasses.replace(WRITE, id=f"call_{turn}")), text(f"Written {turn}."))
    await at.chat.say("write")
    approve = at.chat.approvals.get_by_role("button", name="Approve", exact=True)
    await expect(approve).to_be_visible()
    return approve


async def an_approval_given_without_a_network_is_taken_once(at: Scene, fault: Fault) -> None:
    approve = await approve_button(at)
    async with fault(at):
        await approve.click()
        await expect(at.chat.approvals).to_contain_text("Your answer is on its way.")
    await written_once(at)


async def an_approval_whose_answer_is_cut_off_on_its_way_is_taken_once(at: Scene, way: Direction, count: int) -> None:
    """Cut as it goes up, the server may not have it; cut as the answer comes down, it has it and the page does not know."""
    approve = await approve_button(at)
    fired = at.proxy.cut_after(count, way)
    await approve.click()
    await fired.wait()
    await written_once(at)


async def written_once(at: Scene) -> None:
    """The call of this turn, as those before it, ran once, and its answer was taken once."""
    await expect(at.chat.answers.last).to_have_text(f"Written {(len(at.model.requests) - 1) // 2}.")
    await at.chat.live()
    await at.chat.idle()
    view = await at.chat.shows_the_journal(at.live.http)
    turns = len(at.model.requests) // 2
    assert [m.state for m in view.messages if isinstance(m, ToolMessage)] == ["completed"] * turns
    assert await submissions_of(at.live.http, at.chat.session_id) == ["write", "exec_approval"] * turns


@in_the_long_form
async def test_the_status_line_counts_down_and_can_retry_now(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, text("First."), patience=60) as at:
        await at.chat.say("one")
        await at.chat.idle()
        await at.chat.live()
        await expect(at.chat.line.get_by_role("status")).to_have_text("Live")
        await at.proxy.refuse()
        await at.proxy.cut()
        await expect(at.chat.line.get_by_role("status")).to_contain_text("Reconnecting")
        await expect(at.chat.line).to_contain_text("Next try in 30 s.")
        await expect(at.chat.line).to_contain_text("Next try in 29 s.")
        await at.proxy.accept()
        await at.chat.button("Try now").click()
        await at.chat.live()


@in_the_long_form
async def test_the_status_line_shows_the_number_of_replayed_events(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    answer = stream(Text("One, two, "), gate, Text("three."), Finish(), Usage())
    async with scene(tabs, tmp_path, answer) as at:
        await at.chat.say("count")
        await expect(at.chat.answers).to_have_text("One, two,")
        before = len(await events_of(at.live.http, at.chat.session_id))
        await at.proxy.refuse()
        await at.proxy.cut()
        gate.open()
        done = await happened(at.live, at.chat.session_id, ev.TurnComplete)
        await at.proxy.accept()
        await expect(at.chat.line).to_contain_text(f"Back with {done - before} missed events replayed.")
