"""Verification: what must hold of a session after its server was killed, checked on what its clients received."""

from collections import Counter

import httpx

from agent.session.context import SUMMARY_INTRO
from protocol import codec
from protocol import events as ev
from protocol.content import AssistantMessage, ToolMessage
from protocol.submissions import UserInput
from protocol.view import View
from tests.faults.harness.driver import Driver
from tests.faults.harness.follower import Cut, Follower
from tests.support.live import same_view
from tests.support.network.http_client import http_client

ENDED = ("rejected", "abandoned", "cancelled", "outcome_unknown")


async def verify(driver: Driver) -> None:
    """All checks, with clients that were never here before."""
    ws, session_id = driver.server.ws, driver.talker.session_id
    whole, newcomer = Follower("whole journal"), Follower("newcomer")
    whole.session_id = newcomer.session_id = session_id
    whole.position = ("", 0)
    try:
        await whole.come(ws)
        await newcomer.come(ws)
    finally:
        await whole.go()
        await newcomer.go()
    assert whole.recovered == [True]
    for one in (driver.talker, driver.other):
        assert all(one.recovered), f"{one.name}: nothing was lost, but it was not recovered"
        assert one.epoch == whole.epoch
        for follower in (whole, newcomer):
            assert same_view(one.view, follower.view), f"{one.name} and {follower.name} do not see the same"
    events = [codec.decode_event(data) for data in whole.seen]
    check_seen_is_stored(events, driver.talker.seen)
    check_seen_is_stored(events, driver.other.seen)
    check_accepted_once(events, driver.talker)
    check_tools(events, whole.view, driver.bench.runs())
    check_messages(whole.view)
    check_requests_follow_events(events, driver)
    assert whole.view.state == "idle"
    await check_info(driver, whole.view)
    assert not (whole.view.queued or whole.view.open_calls or whole.view.pending_approval or whole.view.open_message)
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


def check_seen_is_stored(events: list[ev.Event], seen: list[bytes]) -> None:
    """Every event that a client ever saw is in the journal: as it was, or as a part of a merged text."""
    by_seq = {event.seq: event for event in events}
    texts: dict[tuple[str, str], str] = {}
    for event in events:
        match event:
            case ev.AssistantChunk():
                text = texts.get((event.message_id, event.kind), "")
                texts[event.message_id, event.kind] = text[: event.offset] + event.text
            case ev.ToolLog():
                text = texts.get((event.tool_call_id, "log"), "")
                texts[event.tool_call_id, "log"] = text[: event.offset] + event.text
            case ev.AssistantMessageEvent():
                texts[event.message_id, "text"] = event.text
                texts[event.message_id, "reasoning"] = event.reasoning
    for data in seen:
        event = codec.decode_event(data)
        match event:
            case ev.AssistantChunk():
                kept = texts[event.message_id, event.kind][event.offset :]
                assert kept.startswith(event.text), f"lost: {data!r}"
            case ev.ToolLog():
                assert texts[event.tool_call_id, "log"][event.offset :].startswith(event.text), f"lost: {data!r}"
            case _:
                kept_event = by_seq[event.seq]
                kept_event.first_seq = event.first_seq
                assert codec.encode(kept_event) == data, f"another event stands in its place: {data!r}"


def check_accepted_once(events: list[ev.Event], talker: Follower) -> None:
    """What was accepted is there once, and has one turn at most."""
    accepted = Counter(event.submission_id for event in events if isinstance(event, ev.Accepted))
    assert set(accepted.values()) <= {1}, accepted
    for submission_id, answer in talker.answers.items():
        assert isinstance(answer, ev.Accepted) == (submission_id in accepted), (submission_id, answer)
    turns = Counter(e.submission_id for e in events if isinstance(e, (ev.Processing, ev.InputJoined)))
    assert set(turns.values()) <= {1}, turns
    inputs = {e.submission_id for e in events if isinstance(e, ev.Accepted) and isinstance(e.submission, UserInput)}
    assert set(turns) == inputs, "an input that was accepted never had its turn"


def check_tools(events: list[ev.Event], view: View, runs: Counter[str]) -> None:
    """A call runs once, after its event was stored, and has one end; one that ran and has no output is `outcome_unknown`."""
    assert set(runs.values()) <= {1}, f"a tool ran twice: {runs}"
    called = [e.tool_call_id for e in events if isinstance(e, ev.ToolCallEvent)]
    began = [e.tool_call_id for e in events if isinstance(e, ev.ToolStateChange) and e.state == "running"]
    assert len(set(called)) == len(called)
    assert len(set(began)) == len(began)
    assert set(runs) <= set(began), f"ran before its event was stored: {set(runs) - set(began)}"
    ends: Counter[str] = Counter()
    for event in events:
        if isinstance(event, ev.ToolOutput) or (isinstance(event, ev.ToolStateChange) and event.state in ENDED):
            ends[event.tool_call_id] += 1
        if isinstance(event, ev.ToolStateChange) and event.by == "restart":
            assert event.state == ("outcome_unknown" if event.tool_call_id in began else "cancelled"), event
    assert ends == Counter(called), f"calls {called} ended {ends}"
    for message in view.messages:
        if isinstance(message, ToolMessage) and message.state == "completed" and message.success:
            assert runs[message.tool_call_id] == 1, f"{message.tool_call_id} has output and never ran"


def check_messages(view: View) -> None:
    """A message that was cut short is sealed, says why, and is not empty; any other is not sealed."""
    for message in view.messages:
        if isinstance(message, AssistantMessage):
            cut_short = message.finish_reason in ("restart", "shutdown", "interrupted", "error")
            assert message.sealed == cut_short, message
            assert message.text or message.reasoning or message.tool_calls, message


def check_requests_follow_events(events: list[ev.Event], driver: Driver) -> None:
    """No model call begins before its events are stored."""
    inputs = {e.submission.text for e in events if isinstance(e, ev.Accepted) and isinstance(e.submission, UserInput)}
    for request in driver.model.requests:
        for message in request.messages if request.tools else []:
            if message["role"] == "user" and not str(message["content"]).startswith(SUMMARY_INTRO):
                assert set(str(message["content"]).split("\n\n")) <= inputs, message
