"""Socket sender: no message is larger than its client takes, whichever way it is sent."""

from pathlib import Path

import msgspec
import pytest

from protocol import codec
from protocol import events as ev
from protocol.limits import MAX_MESSAGE_MIN
from server.journal.base import Record
from server.journal.sqlite import open_journal
from server.sessions.ports.broadcaster import LARGE_BYTES, EventBroadcaster, LargeEvent
from server.telemetry.metrics import Metrics
from server.transport.websocket import SocketTransport
from server.websocket.parts import Parts
from server.websocket.sender import OUTBOUND_BATCH_BYTES, READ_BYTES, Form, SocketSender

AT = "2026-11-29T10:00:00.000Z"


def output(seq: int, size: int) -> Record:
    """An event whose JSON has so many bytes."""
    event = ev.ToolOutput(
        seq=seq, at=AT, tool_call_id="c", tool="bash", output="", success=True, truncated=False, duration_ms=1
    )
    event.output = "x" * (size - len(codec.encode(event)))
    return Record(seq=seq, first_seq=seq, data=codec.encode(event))


class Wire(SocketTransport):
    """A transport that takes everything. `messages`: what was sent."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.sent_bytes = 0

    @property
    def close_received(self) -> tuple[int, str] | None:
        return None

    async def write(self, data: bytes, *, text: bool) -> None:
        self.messages.append(data)

    def write_now(self, data: bytes, *, text: bool) -> bool:
        self.messages.append(data)
        return True

    def unsent(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        raise AssertionError

    def abort(self) -> None:
        raise AssertionError


async def sent(folder: Path, records: list[Record], form: Form, *, at_once: bool) -> list[bytes]:
    """The messages of a socket that keeps up, or of one that is sent what waits for it."""
    journal = await open_journal(folder)
    broadcaster = EventBroadcaster("session", journal, 0)
    cursor, wire = broadcaster.follow(0), Wire()
    sender = SocketSender(wire, cursor, Metrics(), form)
    sender.keeps_up = at_once
    for record in records:
        broadcaster.publish((record,))
    while events := await cursor.next(READ_BYTES):
        await sender.send_events(events)
    await journal.aclose()
    return wire.messages


@pytest.mark.parametrize("at_once", [False, True])
async def test_separators_count_and_no_message_is_larger_than_a_batch(tmp_path: Path, at_once: bool) -> None:
    third = OUTBOUND_BATCH_BYTES // 3
    records = [output(seq, third) for seq in range(1, 7)]
    messages = await sent(tmp_path, records, Form(False, 2**24, 2**24), at_once=at_once)
    assert max(map(len, messages)) <= OUTBOUND_BATCH_BYTES
    assert b"\n".join(messages) == b"\n".join(record.data for record in records)
    assert len(messages) == (6 if at_once else 3)


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("binary", [False, True])
async def test_a_client_with_a_bound_gets_nothing_larger(tmp_path: Path, at_once: bool, binary: bool) -> None:
    records = [output(1, 100), output(2, MAX_MESSAGE_MIN + 1_000), output(3, 10_000), output(4, 10_000)]
    form = Form(binary, MAX_MESSAGE_MIN, MAX_MESSAGE_MIN)
    messages = await sent(tmp_path, records, form, at_once=at_once)
    assert max(map(len, messages)) <= MAX_MESSAGE_MIN
    frames = [frame for one in messages for frame in (codec.split_msgpack(one) if binary else one.split(b"\n"))]
    read = [msgspec.msgpack.decode(frame) if binary else msgspec.json.decode(frame) for frame in frames]
    assert [(frame["seq"], frame.get("omitted")) for frame in read] == [
        (1, None),
        (2, ["/output"]),
        (3, None),
        (4, None),
    ]


async def test_an_event_above_the_servers_own_bound_comes_in_parts_too(tmp_path: Path) -> None:
    messages = await sent(tmp_path, [output(1, 50_000)], Form(False, 40_000, 32_768), at_once=False)
    assert max(map(len, messages)) <= 40_000


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("binary", [False, True])
async def test_the_end_of_a_turn_repeats_no_text_for_a_client_that_wants_none(
    tmp_path: Path, at_once: bool, binary: bool
) -> None:
    done = ev.TurnComplete(seq=1, at=AT, turn_id="t", history_size=2, final_response=',"final_response":"x"}')
    record = Record(seq=1, first_seq=1, data=codec.encode(done))
    for wanted in (True, False):
        form = Form(binary, 2**24, 2**24, final_response=wanted)
        (message,) = await sent(tmp_path / str(wanted), [record], form, at_once=at_once)
        event = (codec.decode_frame_msgpack if binary else codec.decode_frame)(message)
        assert event == (done if wanted else msgspec.structs.replace(done, final_response=""))


async def test_the_parts_of_a_large_event_are_made_of_one_copy_for_all_sockets_of_a_form(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    broadcaster = EventBroadcaster("session", journal, 0)
    broadcaster.publish((output(1, 2 * LARGE_BYTES),))
    (event,) = await broadcaster.follow(0).next(READ_BYTES)
    assert isinstance(event, LargeEvent)
    forms = [Form(False, MAX_MESSAGE_MIN + n, MAX_MESSAGE_MIN) for n in (0, 1)]
    wires = [Wire(), Wire()]
    for wire, form in zip(wires, forms, strict=True):
        await SocketSender(wire, broadcaster.follow(0), Metrics(), form).send_events([event])
    assert wires[0].messages == wires[1].messages
    assert not event.forms, "nothing is kept once it is sent"
    held = Parts(event.data, MAX_MESSAGE_MIN, binary=False)
    event.forms[MAX_MESSAGE_MIN, False] = held
    before = list(held)
    wire = Wire()
    await SocketSender(wire, broadcaster.follow(0), Metrics(), forms[0]).send_events([event])
    assert wire.messages[-1] is before[-1], "the event itself is one object"
    await journal.aclose()
