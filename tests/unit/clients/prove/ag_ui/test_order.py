"""Order of an AG-UI run: what breaks the rules is named, a sound run is not."""

import pytest

from clients.prove.ag_ui.order import Event, Order


def text(part: str, **fields: str) -> Event:
    return {"type": f"TEXT_MESSAGE_{part}", "messageId": "m", **fields}


def call(part: str, **fields: str) -> Event:
    return {"type": f"TOOL_CALL_{part}", "toolCallId": "c", **fields}


IDS = {"threadId": "thread", "runId": "run"}
START, END = {"type": "RUN_STARTED", **IDS}, {"type": "RUN_FINISHED", **IDS}
TEXT = [text("START"), text("CONTENT", delta="Hello"), text("END")]
CALL = [call("START"), call("ARGS", delta="{}"), call("END"), call("RESULT", content="done")]


def complaints(*events: Event) -> list[str]:
    order = Order("thread", "run", frozenset({"earlier"}))
    return [wrong for wrong in map(order.take, events) if wrong]


def test_a_sound_run_has_nothing_wrong() -> None:
    earlier = {"type": "TOOL_CALL_RESULT", "toolCallId": "earlier", "content": ""}
    assert complaints(START, earlier, *TEXT, *CALL, {"type": "CUSTOM", "name": "own", "value": 1}, END) == []


def test_a_run_may_fail_before_it_starts() -> None:
    assert complaints({"type": "RUN_ERROR", "message": "no model"}) == []


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([TEXT[0]], "before RUN_STARTED"),
        ([START, START], "started twice"),
        ([{**START, "runId": "other"}], "runId are not those"),
        ([START, {**END, "threadId": "other"}], "threadId are not those"),
        ([START, TEXT[1]], "has not begun"),
        ([START, *TEXT, TEXT[1]], "has not begun, or has ended"),
        ([START, *TEXT, TEXT[0]], "began again"),
        ([START, TEXT[0], TEXT[0]], "began again"),
        ([START, TEXT[0], text("CONTENT")], "has no text"),
        ([START, *CALL[:2], CALL[3]], "for a call that has not ended"),
        ([START, *CALL[:2], END], "have no end: call c"),
        ([START, END, END], "after the end"),
    ],
)
def test_what_breaks_a_rule_is_named(events: list[Event], what: str) -> None:
    (wrong,) = complaints(*events)
    assert what in wrong
