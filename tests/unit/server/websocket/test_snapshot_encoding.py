"""Snapshot encoding: in pieces it gives the bytes of the whole frame, and leaves out old messages where there is no room."""

from typing import Any

import msgspec
import pytest

from protocol import codec
from protocol.content import (
    AssistantMessage,
    Message,
    OpenCall,
    OpenMessage,
    QueuedInput,
    Step,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from protocol.frames import Snapshot
from protocol.view import View, to_snapshot
from server.websocket.snapshot_encoding import PIECE_CHARS, Work, snapshot_work

LONG = 'long "text" \\ with \n and \x01 and é and 🙂 ' * 8_000


def encoded(view: View, most: int = 2**40, *, binary: bool = False) -> bytes:
    """All of the work at once."""
    (data,) = finished(snapshot_work(view, most, binary=binary))
    return data


def finished(work: Work) -> list[bytes]:
    """The frames at the end of the work."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            frames: list[bytes] = end.value
            return frames


def assistant(**changed: Any) -> AssistantMessage:
    fields: dict[str, Any] = {
        "message_id": "m",
        "text": "an answer",
        "reasoning": "",
        "tool_calls": [],
        "finish_reason": "stop",
        "sealed": False,
    }
    return AssistantMessage(**{**fields, **changed})


def tool(**changed: Any) -> ToolMessage:
    fields: dict[str, Any] = {
        "tool_call_id": "c",
        "tool": "bash",
        "output": "",
        "success": True,
        "truncated": False,
        "duration_ms": 1,
        "state": "completed",
    }
    return ToolMessage(**{**fields, **changed})


def user(text: str = "words") -> UserMessage:
    return UserMessage(text=text, submission_id="s", turn_id="t")


CALL = ToolCall(tool_call_id="c", tool="bash", arguments={"command": "ls", "more": {"nested": [1, None]}})
MESSAGES: list[Message] = [
    user(LONG),
    assistant(text=LONG, reasoning=LONG, tool_calls=[CALL]),
    tool(output=LONG, arguments={"command": LONG}),
    tool(steps=[Step(step_id="x", tool="bash", arguments={}, output=LONG)]),
    user(""),
    assistant(),
]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    "view",
    [
        View(),
        View(messages=[user()]),
        View(messages=MESSAGES),
        View(messages=[user() for _ in range(70_000)]),
        View(
            seq=7,
            title="a title",
            messages=[*MESSAGES, *(user(str(n)) for n in range(40))],
            open_message=OpenMessage(message_id="m", text=LONG, reasoning=LONG),
            open_calls=[OpenCall(tool_call_id="c", tool="bash", arguments={"command": LONG}, log=LONG)],
            queued=[QueuedInput(submission_id="s", text=LONG, when="queue") for _ in range(3)],
            grants=["bash"],
            guest_grants={"bash": "link"},
            notes_digest="digest",
        ),
    ],
    ids=["nothing", "one", "all kinds", "many", "all fields"],
)
def test_the_pieces_are_the_bytes_of_the_whole_frame(view: View, binary: bool) -> None:
    assert len(LONG) > 4 * PIECE_CHARS
    whole = codec.encode_msgpack if binary else codec.encode
    assert encoded(view, binary=binary) == whole(to_snapshot(view))


@pytest.mark.parametrize("binary", [False, True])
def test_as_many_of_the_newest_messages_are_sent_as_fit(binary: bool) -> None:
    view = View(messages=[user(str(n) * PIECE_CHARS) for n in range(8)])
    data = encoded(view, 3 * PIECE_CHARS + 2_000, binary=binary)
    frame = (codec.decode_frame_msgpack if binary else codec.decode_frame)(data)
    assert isinstance(frame, Snapshot)
    assert (frame.messages, frame.omitted_messages) == (view.messages[5:], 5)
    assert len(data) <= 3 * PIECE_CHARS + 2_000


@pytest.mark.parametrize("binary", [False, True])
def test_a_view_that_does_not_fit_without_messages_leaves_out_its_largest_values(binary: bool) -> None:
    view = View(
        title="a title",
        messages=[user("words"), user(LONG)],
        open_message=OpenMessage(message_id="m", text=LONG, reasoning="short"),
        open_calls=[OpenCall(tool_call_id="c", tool="bash", arguments={"command": LONG}, log=LONG)],
        queued=[QueuedInput(submission_id="s", text=LONG, when="queue") for _ in range(3)],
    )
    most = 16_384
    first, *following = finished(snapshot_work(view, most, binary=binary))
    assert max(map(len, [first, *following])) <= most
    frame = (codec.decode_frame_msgpack if binary else codec.decode_frame)(first)
    assert isinstance(frame, Snapshot)
    assert (frame.title, frame.messages, frame.omitted_messages) == ("a title", [], 2)
    assert set(frame.omitted) == {  # type: ignore[arg-type]  # it is there
        "/open_message/text",
        "/open_calls/0/log",
        "/open_calls/0/arguments",
        *(f"/queued/{n}/text" for n in range(3)),
    }
    built = {"m": "", "c": ""}
    for data in following:
        piece = msgspec.msgpack.decode(data) if binary else msgspec.json.decode(data)
        key = piece.get("message_id") or piece["tool_call_id"]
        built[key] = built[key][: piece["offset"]] + piece["text"]
    assert built == {"m": LONG, "c": LONG}


def test_it_is_the_view_as_it_was_at_the_beginning() -> None:
    view = View(
        messages=[user(LONG)],
        open_message=OpenMessage(message_id="m", text="before"),
        open_calls=[OpenCall(tool_call_id="c", tool="bash", arguments={})],
        grants=["bash"],
    )
    before = codec.encode(to_snapshot(view))
    work = snapshot_work(view, 2**40, binary=False)
    next(work)
    assert view.open_message is not None
    view.open_message.text = "after"
    view.open_calls[0].state = "running"
    view.grants.append("after")
    view.usage.input_tokens = 5
    del view.messages[:]
    assert finished(work) == [before]
