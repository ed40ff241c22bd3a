"""History: writes a long history into a journal before its server starts; to send it would take minutes."""

from pathlib import Path

from protocol import codec
from protocol import events as ev
from protocol.submissions import UserInput
from server.journal.base import AppendItem, Record, SessionRow
from server.journal.sqlite import open_journal

NOW = "2026-01-01T00:00:00.000Z"
SESSION = "0123456789abcdef" * 2
USER = "local"


def turn(number: int, seq: int) -> list[ev.Event]:
    """One question and its answer, of a length that varies."""
    key = f"question-{number}"
    answer = f"Answer {number}." + " And a word more." * (number * 7 % 40)
    at = iter(range(seq, seq + 4))
    return [
        ev.Accepted(seq=next(at), at=NOW, submission_id=key, submission=UserInput(text=f"Question {number}?", id=key)),
        ev.Processing(seq=next(at), at=NOW, turn_id=f"turn-{number}", submission_id=key),
        ev.AssistantMessageEvent(
            seq=next(at),
            at=NOW,
            message_id=f"msg-{number}",
            text=answer,
            reasoning="",
            tool_calls=[],
            finish_reason="stop",
            sealed=False,
        ),
        ev.TurnComplete(seq=next(at), at=NOW, turn_id=f"turn-{number}", history_size=2 * number, final_response=answer),
    ]


async def write_past(data: Path, turns: int) -> str:
    """Write them into the journal of a server that does not run yet; the session's id."""
    journal = await open_journal(data)
    try:
        row = SessionRow(SESSION, USER, "A long past", "", NOW, NOW, 2 * turns, "idle", b"[]", False, b"{}")
        lease = await journal.create(row)
        events = [event for number in range(1, turns + 1) for event in turn(number, 4 * number - 3)]
        records = tuple(Record(event.seq, event.seq, codec.encode(event)) for event in events)
        await journal.append(AppendItem(lease, 0, records, row=row))
    finally:
        await journal.aclose()
    return SESSION
