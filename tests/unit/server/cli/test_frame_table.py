"""Frame table: what it reads in source code, and that docs/frames.md is up to date."""

from pathlib import Path

import pytest

from protocol.spec.markdown import fill
from server.cli.frame_table import DecidingCode, FrameTableError, MatchedCases, frame_tables, switched_cases
from tests.support.paths import ROOT

DECIDING = {
    "submissions.py": """
from agent.session import turn
from agent.session.calls import end as end_call

def on_undo(session, submission):
    accepted = session.accept(submission)
    _take_back(session)
    return accepted

def on_interrupt(session, submission):
    end_call(session)
    turn.next_turn(session)

def _take_back(session):
    session.emit(ev.UndoComplete, removed_messages=1)
""",
    "turn.py": """
def next_turn(session):
    session.emit(ev.Processing)
    if session.more:
        next_turn(session)
""",
    "calls.py": "def end(session):\n    session.emit(ev.ToolStateChange)\n",
    "session.py": """
class Session:
    def emit(self, what, **fields): ...

    def accept(self, submission):
        return self.emit(ev.Accepted)
""",
}

MATCHES = """
class Renderer:
    def _event(self, event):
        match event:
            case ev.Accepted():
                return self.line(event.submission_id)
            case ev.ToolCallEvent() | ev.ToolOutput() | ev.ToolLog():
                return self._tool(event)
            case ev.Shared():
                return self._shared(event)
            case _:
                return self._operation(event)

    def _operation(self, event):
        match event:
            case ev.Compacted():
                return "compacted"
        return ""

    def _tool(self, event):
        match event:
            case ev.ToolCallEvent():
                return "call"

    def _shared(self, event):
        return "shared"

    def line(self, text):
        return text
"""

SWITCH = """
export function apply(view, event) {
  switch (event.type) {
    case "accepted": return applyAccepted(view, event);
    case "processing":
    case "input_joined": return applyInput(view, event);
    case "usage": return addUsage(view.usage, event);
    case "title_changed": view.title = event.title; return;
  }
}

export function other(event) {
  switch (event.type) {
    case "shutdown": return other(view);
  }
}
"""


@pytest.fixture
def deciding(tmp_path: Path) -> DecidingCode:
    for name, source in DECIDING.items():
        (tmp_path / name).write_text(source)
    return DecidingCode(tmp_path)


def test_submission_is_decided_by_the_function_that_carries_its_type(deciding: DecidingCode) -> None:
    assert deciding.handler("undo") == "submissions.on_undo"
    with pytest.raises(FrameTableError, match="`compact` is decided in no function: name one function on_compact"):
        deciding.handler("compact")


def test_events_of_called_functions_belong_to_the_decision(deciding: DecidingCode) -> None:
    assert deciding.emitted_by("submissions.on_undo") == {"Accepted", "UndoComplete"}
    assert deciding.emitted_by("submissions.on_interrupt") == {"ToolStateChange", "Processing"}


def test_event_is_emitted_by_the_functions_that_name_it(deciding: DecidingCode) -> None:
    assert deciding.emitters("Accepted") == ["session.accept"]
    with pytest.raises(FrameTableError, match="no function of agent/session emits Shared"):
        deciding.emitters("Shared")


@pytest.mark.parametrize(
    ("event", "function"),
    [
        ("Accepted", "_event"),
        ("ToolCallEvent", "_tool"),
        ("ToolOutput", "_tool"),
        ("Shared", "_shared"),
        ("Compacted", "_operation"),
        ("Unshared", None),
    ],
)
def test_event_is_handled_by_the_innermost_function_that_is_passed_it(event: str, function: str | None) -> None:
    assert MatchedCases(MATCHES, "_event").function_of(event) == function


def test_cases_of_a_switch_share_the_function_that_follows_them() -> None:
    assert switched_cases(SWITCH, "apply") == {
        "accepted": "applyAccepted",
        "processing": "applyInput",
        "input_joined": "applyInput",
        "usage": "addUsage",
        "title_changed": "apply",
    }
    with pytest.raises(FrameTableError, match="no exported function fold"):
        switched_cases(SWITCH, "fold")


def test_the_frame_table_is_up_to_date() -> None:
    page = (ROOT / "docs" / "frames.md").read_text("utf-8")
    assert fill(page, frame_tables()) == page, "docs/frames.md is out of date: run `make schema`"
