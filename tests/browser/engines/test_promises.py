"""Promises of the page in Firefox and WebKitGTK: log in, stream, stop, approve, edit, reject, upload, be cut, two tabs."""

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from server.auth.login_codes import new_code
from tests.browser.engines.reader import ANSWERS, LOOK_S, Reader
from tests.browser.engines.window import ESCAPE
from tests.browser.support.chat import texts
from tests.browser.support.journal import view_of
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
from tests.support.network.http_client import http_client
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.polling import eventually

NOTES = ".row[data-kind=note] p:not(.buttons)"
WIDER = "() => document.documentElement.scrollWidth - innerWidth"
COUNT_KEPT = """() => {
  if (!navigator.serviceWorker?.controller) return;
  caches.keys().then(async ([name]) => (globalThis.kept = name ? (await (await caches.open(name)).keys()).length : 0));
}"""
"""Of the files that the browser keeps, once the page's service worker answers for it."""
AWAY = ["can’t establish a connection to the server", "was interrupted"]
APPROVAL = "[aria-label='Waiting for your approval'] "


def write(number: int) -> Call:
    return Call("write", {"path": f"note-{number}.txt", "content": "a note"}, id=f"call_{number}")


@contextlib.asynccontextmanager
async def serving(reader: Reader, folder: Path, *script: Answer, **settings: Any) -> AsyncIterator[Live]:
    """A server, from before the windows are opened until after they are closed: they would complain of its absence."""
    async with ScriptedModel(script) as model, listening(settings_for(folder, model, **settings)) as live:
        try:
            yield live
            assert await reader.window.call(WIDER) <= 0
        finally:
            await reader.leave()


async def waiting(reader: Reader, *numbers: int) -> None:
    """These calls wait for an answer."""
    heads = [f"write writes note-{number}.txt (6 bytes) in the session's workspace" for number in numbers]
    await reader.sees(f"{APPROVAL}article h3", *heads)


async def session_id(reader: Reader) -> str:
    return (await reader.address()).rpartition("/")[2]


async def shows_the_journal(reader: Reader, live: Live) -> None:
    """The page shows each message once, in the order of the journal."""
    view = await view_of(live.http, await session_id(reader))
    assert await reader.messages() == texts(view)


async def file_of(reader: Reader, live: Live, name: str) -> str:
    async with http_client(live.http) as http:
        return (await http.get(f"/api/sessions/{await session_id(reader)}/files/{name}")).text


async def test_a_link_logs_in_an_answer_streams_and_escape_stops_it(reader: Reader, tmp_path: Path) -> None:
    gates = [Gate(), Gate()]
    script = [stream(Text("One, "), gates[0], Text("two, "), gates[1], Text("three."), Finish(), Usage())]
    async with serving(reader, tmp_path, *script, auth={"local_token": True}) as live:
        token = (tmp_path / "token").read_text().strip()
        await reader.open(f"{live.http}/#token={new_code(token, time.time())}")
        assert await reader.window.call("() => location.hash") == ""
        await reader.say("count")
        await reader.sees(ANSWERS, "One,")
        gates[0].open()
        await reader.sees(ANSWERS, "One, two,")
        await reader.window.press(ESCAPE)
        await reader.sees(NOTES, "Stopped by you.")


async def test_calls_are_approved_edited_and_rejected(reader: Reader, tmp_path: Path) -> None:
    async with serving(reader, tmp_path, calls(write(1), write(2), write(3)), text("Done.")) as live:
        await reader.open(live.http)
        await reader.say("write")
        await waiting(reader, 1, 2, 3)
        await reader.click(f"{APPROVAL}article button", "Approve")
        await waiting(reader, 2, 3)
        await reader.click(f"{APPROVAL}article button", "Edit…")
        await reader.fill(f"{APPROVAL}article label:nth-of-type(2) textarea", "my own words")
        await reader.click(f"{APPROVAL}article button", "Approve as edited")
        await waiting(reader, 3)
        await reader.click(f"{APPROVAL}article button", "Reject…")
        await reader.click(f"{APPROVAL}article button", "Reject")
        await reader.sees(ANSWERS, "Done.")
        assert await file_of(reader, live, "note-2.txt") == "my own words"
        await shows_the_journal(reader, live)


async def test_an_answer_goes_on_after_a_cut_and_a_file_is_there_before_the_message(
    reader: Reader, tmp_path: Path
) -> None:
    gates = [Gate(), Gate()]
    answer = stream(Text("One, two, "), gates[0], Text("three, four, "), gates[1], Text("five."), Finish(), Usage())
    async with serving(reader, tmp_path, calls(Call("read", {"path": "drop me.txt"})), answer) as live:
        async with TcpProxy("127.0.0.1", live.port) as proxy:
            await reader.open(Address(proxy.port).http)
            await reader.drop("drop me.txt", "what was dropped")
            await reader.sees("[aria-label='Files added'] a", "drop me.txt")
            await reader.say("read it")
            await reader.sees(ANSWERS, "One, two,")
            reader.expects(*AWAY)
            await proxy.refuse()
            await proxy.cut()
            gates[0].open()
            await gates[1].reached.wait()
            await proxy.accept()
            await reader.sees(ANSWERS, "One, two, three, four,")
            await reader.phase("live")
            gates[1].open()
            await reader.sees(ANSWERS, "One, two, three, four, five.")
            await shows_the_journal(reader, live)


async def test_the_page_opens_while_the_server_is_away_and_begins_once_it_is_back(
    reader: Reader, tmp_path: Path
) -> None:
    async with serving(reader, tmp_path, text("Kept by the server.")) as live:
        async with TcpProxy("127.0.0.1", live.port) as proxy:
            await reader.open(Address(proxy.port).http)
            await reader.say("hello")
            await reader.sees(ANSWERS, "Kept by the server.")
            session = await reader.address()

            async def kept() -> bool:
                await reader.window.call(COUNT_KEPT)
                return int(await reader.window.call("() => globalThis.kept ?? 0")) > 2

            await eventually(kept, "the page's files to be kept", look_s=LOOK_S)
            reader.expects(*AWAY)
            await proxy.refuse()
            await proxy.cut()
            await reader.window.open(session)
            await reader.sees("button.primary", "Try again")
            assert await reader.window.texts(ANSWERS) == []
            await proxy.accept()
            await reader.sees(ANSWERS, "Kept by the server.")
            await reader.phase("live")


async def test_two_tabs_show_the_same_and_either_answers(reader: Reader, tmp_path: Path) -> None:
    async with serving(reader, tmp_path, text("First."), calls(write(1)), text("Done.")) as live:
        await reader.open(live.http)
        await reader.say("hello")
        await reader.sees(ANSWERS, "First.")
        other = await reader.beside()
        await other.open(await reader.address())
        await other.sees(ANSWERS, "First.")
        await other.say("write")
        await waiting(reader, 1)
        await other.click(f"{APPROVAL}article button", "Approve")
        for one in (reader, other):
            await one.sees(ANSWERS, "First.", "Done.")
            await shows_the_journal(one, live)
