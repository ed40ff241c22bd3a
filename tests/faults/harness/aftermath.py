"""Aftermath: what must hold of a session after its server was killed. What clients see is judged by `holdfast prove`'s checker.

What only this harness can see is added: how often tools ran, what the model was asked, what HTTP says.
"""

from collections import Counter

import httpx

from agent.session.context import SUMMARY_INTRO
from clients.prove.checker import check
from clients.prove.trace import NEWCOMER, WITNESS
from protocol import codec
from protocol import events as ev
from protocol.content import ToolMessage
from protocol.submissions import UserInput
from protocol.view import View
from tests.faults.harness.driver import Driver
from tests.faults.harness.follower import Cut, Follower
from tests.support.network.http_client import http_client


async def verify(driver: Driver) -> None:
    """All checks, with clients that were never here before."""
    witness, newcomer = Follower(WITNESS, driver.record), Follower(NEWCOMER, driver.record)
    witness.position = ("", 0)
    for one in (witness, newcomer):
        one.session_id = driver.talker.session_id
        try:
            await one.come(driver.server.ws)
        finally:
            await one.go()
    assert check(driver.record.trace) == []
    view = witness.view
    events = [codec.decode_event(data) for data in witness.seen]
    check_runs(events, view, driver.bench.runs())
    check_requests_follow_events(events, driver)
    await check_info(driver, view)
    assert not (view.queued or view.open_calls or view.pending_approval or view.open_message)
    await driver.bench.all_gone()


async def check_info(driver: Driver, view: View) -> None:
    """HTTP says of the session what its sockets say. Raises `Cut` if the server dies over it."""
    try:
        async with http_client(driver.server.http) as http:
            info = (await http.get(f"/api/sessions/{driver.talker.session_id}")).json()
    except httpx.TransportError as error:
        raise Cut from error
    fields = {name: info[name] for name in ("state", "seq", "model", "title", "message_count", "pending_approval")}
    assert fields == {
        "state": view.state,
        "seq": view.seq,
        "model": view.model,
        "title": view.title,
        "message_count": len(view.messages),
        "pending_approval": [],
    }


def check_runs(events: list[ev.Event], view: View, runs: Counter[str]) -> None:
    """A tool runs once, after its event was stored; a call that has output did run."""
    assert set(runs.values()) <= {1}, f"a tool ran twice: {runs}"
    began = {e.tool_call_id for e in events if isinstance(e, ev.ToolStateChange) and e.state == "running"}
    assert set(runs) <= began, f"ran before its event was stored: {set(runs) - began}"
    for message in view.messages:
        if isinstance(message, ToolMessage) and message.state == "completed" and message.success:
            assert runs[message.tool_call_id] == 1, f"{message.tool_call_id} has output and never ran"


def check_requests_follow_events(events: list[ev.Event], driver: Driver) -> None:
    """No model call begins before its events are stored."""
    inputs = {e.submission.text for e in events if isinstance(e, ev.Accepted) and isinstance(e.submission, UserInput)}
    for request in driver.model.requests:
        for message in request.messages if request.tools else []:
            if message["role"] == "user" and not str(message["content"]).startswith(SUMMARY_INTRO):
                assert set(str(message["content"]).split("\n\n")) <= inputs, message
