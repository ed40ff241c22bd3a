"""Rendering: what the terminal shows."""

from typing import Any

import msgspec
import pytest

from clients.session.outcomes import (
    CaughtUp,
    Connected,
    Ended,
    Fault,
    FeedItem,
    Postponed,
    Reconnecting,
    Rejected,
    Skipped,
    ViewReset,
)
from clients.session.reconnect import Action
from clients.terminal.render import HISTORY_SHOWN, Painter, Renderer, clean, one_line
from protocol import events as ev
from protocol.content import PendingTool, UserMessage
from protocol.merge import Merger
from protocol.submissions import UserInput
from protocol.view import View
from tests.unit.clients.session.recorded import NOW, conversation, fold

EVENTS = conversation()


def renderer() -> Renderer:
    return Renderer(Painter(False), 80)


def shown(*items: FeedItem) -> str:
    screen = renderer()
    return "".join(screen.render(item) for item in items)


def chunk(offset: int, text: str, kind: Any = "text", message_id: str = "m") -> ev.AssistantChunk:
    return ev.AssistantChunk(seq=1, at=NOW, message_id=message_id, offset=offset, text=text, kind=kind)


def message(text: str, reasoning: str = "", sealed: bool = False) -> ev.AssistantMessageEvent:
    return ev.AssistantMessageEvent(
        seq=9,
        at=NOW,
        message_id="m",
        text=text,
        reasoning=reasoning,
        tool_calls=[],
        finish_reason="stop",
        sealed=sealed,
    )


def connected(again: bool) -> Connected:
    return Connected(session_id="s", recovered=True, again=again, state="idle", model="m", demo=False, server="test")


def test_text_is_shown_as_it_comes_and_once() -> None:
    assert shown(chunk(0, "Hel"), chunk(3, "lo"), message("Hello")) == "Hello\n"


def test_text_that_comes_again_longer_is_shown_from_where_it_stopped() -> None:
    assert shown(chunk(0, "Hel"), chunk(0, "Hello, wor"), message("Hello, world")) == "Hello, world\n"


def test_a_message_that_came_whole_is_shown_whole() -> None:
    assert shown(message("Answer", "Thought")) == "Thought\nAnswer\n"


def test_reasoning_and_text_stand_on_lines_of_their_own() -> None:
    assert shown(chunk(0, "Hm. ", "reasoning"), chunk(0, "Yes"), message("Yes", "Hm. ")) == "Hm. \nYes\n"


def test_a_sealed_message_is_marked() -> None:
    assert shown(chunk(0, "Ye"), message("Ye", sealed=True)) == "Ye\n[cut short]\n"


def test_an_answer_that_is_not_whole_says_why() -> None:
    cut = msgspec.structs.replace(message("Ye"), finish_reason="length")
    assert shown(chunk(0, "Ye"), cut) == "Ye\n[cut off: the model has used all the tokens that it may write]\n"
    assert shown(msgspec.structs.replace(cut, sealed=True)) == "Ye\n[cut short]\n"


def test_merged_or_not_a_conversation_looks_the_same() -> None:
    merger = Merger()
    merged = [item for event in EVENTS for item in merger.push(event)] + merger.flush()
    assert len(merged) < len(EVENTS)
    assert shown(*merged) == shown(*EVENTS)


def test_tools_take_one_line_each() -> None:
    long = "line one\nline two " + "x" * 200
    output = shown(
        ev.ToolCallEvent(seq=1, at=NOW, tool_call_id="c", tool="read", arguments={"path": "a" * 200}),
        ev.ToolStateChange(seq=2, at=NOW, tool_call_id="c", tool="read", state="running", by="policy"),
        ev.ToolOutput(
            seq=3, at=NOW, tool_call_id="c", tool="read", output=long, success=True, truncated=True, duration_ms=12
        ),
        ev.ToolStateChange(seq=4, at=NOW, tool_call_id="d", tool="run", state="outcome_unknown", by="restart"),
    )
    lines = output.splitlines()
    assert [line[:6] for line in lines] == ["→ read", "✓ read", "· run "]
    assert max(map(len, lines)) == 80
    assert "12 ms [truncated]  line one ⏎ line two" in lines[1]
    assert lines[2] == "· run outcome unknown by restart"


def test_another_clients_input_is_shown_and_the_own_typed_input_is_not() -> None:
    def accepted(submission_id: str) -> ev.Accepted:
        return ev.Accepted(seq=1, at=NOW, submission_id=submission_id, submission=UserInput(text=f"by {submission_id}"))

    screen = renderer()
    screen.own.add("me")
    assert screen.render(accepted("me")) + screen.render(accepted("you")) == "> by you\n"


def test_output_during_typing_starts_on_a_new_line() -> None:
    screen = renderer()
    assert screen.prompt("> ") == "> "
    assert screen.prompt("> ") == ""
    assert screen.render(chunk(0, "Hi")) == "\nHi"
    assert screen.prompt("> ") == "\n> "
    screen.entered()
    assert screen.line("done") == "done\n"


def test_states_of_the_connection_are_shown() -> None:
    assert shown(Reconnecting(1.23, "closed with 1001 restart")) == (
        "connection lost (closed with 1001 restart); trying again in 1.2 s\n"
    )
    assert shown(connected(True), CaughtUp(epoch="e", seq=7, replayed=3)) == (
        "[connected again]\n[3 missed events were replayed]\n"
    )
    assert shown(connected(True), CaughtUp(epoch="e", seq=7, replayed=0)) == "[connected again]\n[nothing was missed]\n"
    assert shown(connected(False), CaughtUp(epoch="e", seq=0, replayed=0)) == ""
    assert shown(Ended(Action.FORGET, "deleted")) == "the session's connection ended: deleted\n"
    assert shown(Fault("a gap")) == "the server broke the protocol: a gap\n"
    assert shown(Skipped("new", 1)) == ""
    assert shown(Rejected("s", "busy", "a turn runs", True)) == "not done: busy: a turn runs\n"
    assert shown(Postponed("s", "inbox_full", "full", 0.5)) == "not yet: full; sent again in 0.5 s\n"


def test_a_replaced_view_is_noted_and_its_newest_messages_are_shown() -> None:
    view = View(messages=[UserMessage(text=f"number {n}", submission_id=str(n), turn_id="t") for n in range(50)])
    lines = shown(connected(True), ViewReset(view, 7)).splitlines()
    assert lines[0] == "[connected again]"
    assert "cannot prove what was missed" in lines[1]
    assert lines[2] == f"[{50 - HISTORY_SHOWN + 7} earlier messages are not shown]"
    assert lines[3:] == [f"> number {n}" for n in range(50 - HISTORY_SHOWN, 50)]


def test_a_snapshot_of_a_running_message_goes_on_where_it_stood() -> None:
    head = next(place for place, event in enumerate(EVENTS) if isinstance(event, ev.AssistantMessageEvent))
    whole = shown(*EVENTS[:head])
    last = EVENTS[head - 1]
    assert isinstance(last, ev.AssistantChunk)
    rest = shown(ViewReset(fold(EVENTS[: head - 1]), 0), last)
    assert rest.endswith(whole[-40:])


@pytest.mark.parametrize("head", range(0, len(EVENTS) + 1, 3))
def test_every_snapshot_can_be_shown(head: int) -> None:
    assert "\x1b" not in shown(ViewReset(fold(EVENTS[:head]), 0))


def test_a_question_shows_all_that_would_run() -> None:
    pending = PendingTool(
        tool_call_id="c", tool="write", arguments={"path": "a\x1b[2K", "content": "one\ntwo", "n": 3}, reason="writes"
    )
    assert renderer().question(pending, 1, 2).splitlines() == [
        "? write (1 of 2): writes",
        "    path: a⟨U+001B⟩[2K",
        "    content: ",
        "        one",
        "        two",
        "    n: 3",
    ]


def test_a_question_marks_what_cannot_be_seen_and_its_names_stay_on_their_lines() -> None:
    pending = PendingTool(
        tool_call_id="c",
        tool="write\u3164",
        arguments={"path: a\n    mode": "b\U000e0041\u00a0c", "n": ["\u200b"]},
        reason="asks\u202e",
        grant="write\u200b",
    )
    assert renderer().question(pending, 1, 1).splitlines() == [
        "? write⟨U+3164⟩: asks⟨U+202E⟩",
        "    path: a⟨U+000A⟩    mode: b⟨U+E0041⟩⟨U+00A0⟩c",
        '    n: ["⟨U+200B⟩"]',
        "    for this session: write⟨U+200B⟩",
    ]


def test_a_line_about_a_call_marks_what_cannot_be_seen() -> None:
    call = ev.ToolCallEvent(seq=1, at=NOW, tool_call_id="c", tool="bash", arguments={"command": "ls\u2066 \u00a0x"})
    assert shown(call) == '→ bash {"command":"ls⟨U+2066⟩ ⟨U+00A0⟩x"}\n'


def test_no_text_controls_the_terminal() -> None:
    evil = "a\x1b]52;c;ZXZpbA==\x07b\x9b31mc\x08\rd\u202ee"
    assert clean(evil) == "a]52;c;ZXZpbA==b31mcde"
    assert clean("tab\tand\nline stay") == "tab\tand\nline stay"
    output = shown(
        chunk(0, evil),
        message(evil),
        ev.ToolOutput(
            seq=3, at=NOW, tool_call_id="c", tool=evil, output=evil, success=False, truncated=False, duration_ms=1
        ),
        ev.ErrorEvent(seq=4, at=NOW, code="x", message=evil, retryable=False, turn_id=None),
        ev.ModelChanged(seq=5, at=NOW, model=evil),
        Reconnecting(0.0, evil),
        Rejected("", "x", evil, False),
    )
    assert not set(output) & set("\x1b\x07\x9b\x08\r\u202e")


def test_a_line_is_cut_to_the_width() -> None:
    assert one_line("x" * 100, 10) == "x" * 9 + "…"
    assert one_line("a\nb", 10) == "a ⏎ b"


def test_colours_are_used_where_they_are_wanted() -> None:
    assert Painter(True)("text", "dim") == "\x1b[2mtext\x1b[0m"
    assert Painter(False)("text", "dim") == "text"
    assert Painter(True)("", "dim") == ""


def test_what_became_of_the_files_is_shown() -> None:
    undone = ev.UndoComplete(seq=1, at=NOW, removed_messages=2, kept=["bash: commands run"], restore="turn-1")
    assert shown(undone).splitlines() == [
        "[the last 2 messages were taken back]",
        "  not undone: bash: commands run",
        "  /restore turn-1 makes the files as they were before",
    ]
    not_saved = ev.WorkspaceNotSaved(seq=1, at=NOW, snapshot_id="turn-1", message="the disk is full")
    assert shown(not_saved) == "[the files could not be saved: the disk is full; what this turn does to them stays]\n"
    restored = ev.WorkspaceRestored(
        seq=1, at=NOW, operation_id="o", snapshot_id="turn-1", restored=2, removed=1, left=["a\u200b"], left_count=3
    )
    assert shown(restored).splitlines() == [
        "[the files are as they were: 2 restored, 1 removed]",
        "  not as it was: a⟨U+200B⟩",
        "  and 2 more",
    ]
    saved = ev.WorkspaceSaved(seq=1, at=NOW, snapshot_id="turn-1", files=1, left_out=0, dropped=[])
    assert shown(saved) == ""
    changed = ev.NotesChanged(seq=1, at=NOW, tool_call_id="c1", tool="bash", digest="d1")
    assert shown(changed) == "[a call of bash changed AGENTS.md]\n"
