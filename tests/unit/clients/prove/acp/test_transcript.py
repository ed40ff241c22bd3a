"""Transcript of an ACP session: what was shown live and what a loaded session shows are compared by the checker."""

from typing import Any

import pytest

from clients.prove.acp.player import opening
from clients.prove.acp.transcript import Transcript
from clients.prove.checker import check
from clients.prove.trace import WITNESS, Closed, Entry, Opened, Received, Sent
from protocol import codec
from protocol import events as ev
from protocol.frames import Synced
from protocol.submissions import UserInput

Update = dict[str, Any]
PROMPTS = {"hello": "say-1"}


def text(kind: str, words: str) -> Update:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": words}}


USER = text("user_message_chunk", "hello")
LIVE = [text("agent_message_chunk", part) for part in ("Let me ", "see. ")]
CALL = [{"sessionUpdate": "tool_call", "toolCallId": "c"}]
DONE = [{"sessionUpdate": "tool_call_update", "toolCallId": "c", "status": "completed"}]
ANSWER = [text("agent_message_chunk", "It is so.")]
WHOLE = [USER, text("agent_message_chunk", "Let me see."), *CALL, *DONE, *ANSWER]


def received(name: str, events: list[ev.Event]) -> list[Entry]:
    return [Received(name, codec.encode(event).decode()) for event in events]


def kinds(live: list[Update], loaded: list[Update], *, killed: bool = False) -> set[str]:
    """The violations of a client that was shown `live`, and of one that loads the session at the end."""
    cut = {"say-1"} if killed else set()
    one, witness = Transcript(PROMPTS, cut), Transcript(PROMPTS, cut)
    one.prompted("hello")
    synced = codec.encode(Synced(seq=0)).decode()
    trace: list[Entry] = [Opened("one", 0), Received("one", codec.encode(opening()).decode()), Received("one", synced)]
    trace.append(Sent("one", UserInput(id="say-1", text="hello")))
    for update in live:
        trace += received("one", one.update(update))
    trace += received("one", one.cut() if killed else one.answered())
    trace += [Closed("one"), Opened(WITNESS, 0), Received(WITNESS, codec.encode(opening()).decode())]
    for update in loaded:
        trace += received(WITNESS, witness.update(update))
    trace += received(WITNESS, witness.end())
    trace.append(Received(WITNESS, codec.encode(Synced(seq=witness.seq)).decode()))
    return {one.kind for one in check(trace)}


def test_a_session_that_is_loaded_as_it_was_has_no_violation() -> None:
    assert kinds([*LIVE, *CALL, *DONE, *ANSWER], WHOLE) == set()


@pytest.mark.parametrize("shown", [1, 2])
def test_what_a_kill_cut_short_may_be_longer_in_what_is_loaded(shown: int) -> None:
    loaded = [USER, text("agent_message_chunk", "Let me see. It is so.")]
    assert kinds(LIVE[:shown], loaded, killed=True) == {"different_view"}  # it did not load the session itself


@pytest.mark.parametrize(
    ("loaded", "kind"),
    [
        ([*WHOLE[:-1]], "torn"),
        ([WHOLE[0], *WHOLE[2:]], "torn"),
        ([*WHOLE[:1], *WHOLE[1:2], *WHOLE[1:]], "torn"),
        ([*WHOLE[:2], *ANSWER], "torn"),
        ([*WHOLE, *WHOLE], "said_twice"),
        ([text("user_message_chunk", "something else"), *WHOLE[1:]], "lost"),
        ([], "lost"),
    ],
    ids=[
        "without its end",
        "without a message",
        "with a message twice",
        "without a call",
        "twice",
        "another prompt",
        "empty",
    ],
)
def test_what_is_missing_in_a_session_that_is_loaded_is_found(loaded: list[Update], kind: str) -> None:
    assert kind in kinds([*LIVE, *CALL, *DONE, *ANSWER], loaded)


def test_what_was_shown_before_a_kill_and_is_not_kept_is_found() -> None:
    assert "torn" in kinds(LIVE, [USER], killed=True)
    assert "torn" in kinds(LIVE, [USER, text("agent_message_chunk", "Something else.")], killed=True)
