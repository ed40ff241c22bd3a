"""Parts: no frame is larger than its socket takes, and a client has all of it in the end."""

from typing import Any

import msgspec
import pytest

from protocol import codec
from protocol import events as ev
from protocol.content import PendingTool, ToolCall
from protocol.limits import MAX_MESSAGE_MIN
from protocol.submissions import UserInput
from server.websocket.parts import KEPT_CHARS, Parts, leave_out, pointer
from tests.support.parts import Assembler

AT = "2026-11-29T10:00:00.000Z"
EVERY_KIND = 'plain, "quoted", \\, \n, \x01, é, 🦉 ' * 2_000
CONTROL = "\x01" * 30_000
OWLS = "🦉" * 30_000


def message(**changed: Any) -> ev.AssistantMessageEvent:
    fields: dict[str, Any] = {
        "message_id": "msg-4",
        "text": "an answer",
        "reasoning": "",
        "tool_calls": [],
        "finish_reason": "stop",
        "sealed": False,
    }
    return ev.AssistantMessageEvent(seq=9, first_seq=4, at=AT, **{**fields, **changed})


LARGE = {"text": EVERY_KIND, "more": list(range(9_000)), "deep": {"fraction": [0.1] * 5_000}}
EVENTS: dict[str, ev.Event] = {
    "a message": message(text=EVERY_KIND),
    "a message of control characters": message(text=CONTROL),
    "a message of owls": message(text=OWLS, reasoning=EVERY_KIND),
    "a message with a large call": message(tool_calls=[ToolCall("call-1", "write", LARGE)]),
    "a message with both": message(text=OWLS, tool_calls=[ToolCall("call-1", "write", LARGE)]),
    "a chunk": ev.AssistantChunk(seq=7, first_seq=5, at=AT, message_id="msg-4", offset=12, text=OWLS, kind="reasoning"),
    "a log": ev.ToolLog(seq=7, at=AT, tool_call_id="call-1", offset=3, text=EVERY_KIND),
    "an output": ev.ToolOutput(
        seq=7,
        at=AT,
        tool_call_id="call-1",
        tool="bash",
        output=EVERY_KIND,
        success=True,
        truncated=False,
        duration_ms=1,
    ),
    "an input": ev.Accepted(seq=1, at=AT, submission_id="k1", submission=UserInput(id="k1", text=EVERY_KIND)),
    "calls that wait": ev.ApprovalRequired(
        seq=7, at=AT, tools=[PendingTool(f"call-{n}", "write", LARGE, "it writes") for n in range(3)], count=3
    ),
    "the end of a turn": ev.TurnComplete(seq=7, at=AT, turn_id="turn-2", history_size=2, final_response=CONTROL),
    "what an undo kept": ev.UndoComplete(seq=7, at=AT, removed_messages=1, kept=["file"] * 20_000),
}


def sent(event: ev.Event, most: int, *, binary: bool) -> list[dict[str, Any]]:
    """The frames for an event, each of which is small enough."""
    frames = list(Parts(codec.encode(event), most, binary=binary))
    assert max(map(len, frames)) <= most
    return [msgspec.msgpack.decode(frame) if binary else msgspec.json.decode(frame) for frame in frames]


@pytest.mark.parametrize("most", [MAX_MESSAGE_MIN, 50_000])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("name", EVENTS)
def test_a_client_puts_every_kind_of_event_together_from_small_frames(name: str, binary: bool, most: int) -> None:
    event = EVENTS[name]
    whole = msgspec.json.decode(codec.encode(event))
    client = Assembler(lambda seq: {event.seq: whole}[seq])
    taken = [frame for part in sent(event, most, binary=binary) if (frame := client.take(part)) is not None]
    assert taken == [whole]


def test_only_the_last_frame_of_an_event_moves_the_position() -> None:
    for event in EVENTS.values():
        *before, last = sent(event, MAX_MESSAGE_MIN, binary=False)
        assert not any({"seq", "first_seq", "at"} & set(frame) for frame in before)
        assert (last["seq"], last["at"]) == (event.seq, AT)


def test_every_event_that_came_in_parts_can_be_read_by_typed_clients() -> None:
    for event in EVENTS.values():
        *_, last = Parts(codec.encode(event), MAX_MESSAGE_MIN, binary=False)
        assert type(codec.decode_event(last)) is type(event)


def test_text_that_is_told_in_pieces_is_said_once() -> None:
    frames = sent(message(text="x" * 100_000), MAX_MESSAGE_MIN, binary=False)
    assert sum(len(frame["text"]) for frame in frames) == 100_000 + KEPT_CHARS
    assert len(frames) == 8


def test_what_fits_is_not_left_out() -> None:
    call = ToolCall("call-1", "write", {"path": "a file", "text": "x" * 100})
    *_, last = sent(message(text="y" * 20_000, tool_calls=[call]), MAX_MESSAGE_MIN, binary=False)
    assert last["omitted"] == ["/text"]
    assert last["tool_calls"][0]["arguments"] == call.arguments


def test_of_an_event_of_many_values_its_position_is_left() -> None:
    names = [str(number) for number in range(9_000)]
    large = {"type": "of_another_version", "seq": 7, "at": AT, "names": {name: name for name in names}}
    (frame,) = Parts(msgspec.json.encode(large), MAX_MESSAGE_MIN, binary=False)
    assert msgspec.json.decode(frame) == {"type": "of_another_version", "seq": 7, "at": AT, "omitted": [""]}


@pytest.mark.parametrize("most", [MAX_MESSAGE_MIN, 300_000, 1_000_000])
@pytest.mark.parametrize("piece", ["x" * 300, "\x01" * 300])
def test_an_event_of_many_texts_is_encoded_a_few_times_only(piece: str, most: int) -> None:
    sizes: list[int] = []

    def encode(value: Any) -> bytes:
        data = msgspec.json.encode(value)
        sizes.append(len(data))
        return data

    answers = [{"tool_call_id": f"call-{n}", "approved": False, "feedback": piece} for n in range(3_000)]
    event = {"type": "accepted", "seq": 7, "at": AT, "submission": {"type": "exec_approval", "approvals": answers}}
    whole = len(msgspec.json.encode(event))
    leave_out(event, most, encode)
    assert len(msgspec.json.encode(event)) <= most
    assert sum(sizes) < 4 * whole


def test_a_place_is_named_by_a_json_pointer() -> None:
    assert pointer(("submission", "a/b~c", 0)) == "/submission/a~1b~0c/0"
