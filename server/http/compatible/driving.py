"""Driving: follows a run for a client that can answer nothing: calls that ask are rejected with words, and questions are dismissed."""

from collections.abc import AsyncGenerator

from protocol import codec
from protocol import events as ev
from protocol.submissions import AnswerQuestion, Approval, ExecApproval, Interrupt, Submission, Withdraw
from server.http.compatible.attached import Attached
from server.http.compatible.feed import batches
from server.http.compatible.runs import Run
from server.websocket.sender import READ_BYTES

NOBODY = (
    "Nobody can be asked: the program that drives this session has no way to ask its user. Do without this call, or say what "
    "the user has to allow in the server's policy."
)


class LetGo(Exception):
    """The session let its followers go before the run had ended; the text says why."""


async def driven(attached: Attached, run: Run, silence_s: float) -> AsyncGenerator[list[ev.Event], None]:
    """The events of the run; an empty list after each `silence_s` seconds without one. Raises `LetGo`, `JournalError`."""
    async for events, _ in batches(attached.cursor, silence_s):
        taken: list[ev.Event] = []
        for event in events:
            if run.takes(event):
                taken.append(event)
                for answer in _answers(event):
                    # A refusal says that somebody else was quicker.
                    await attached.port.submit(answer, sender=attached)
            if run.ended:
                break
        if taken or not events:
            yield taken
        if run.ended:
            return
    reason = attached.cursor.close_reason
    raise LetGo(reason.text if reason else "the session has ended")


async def stop(attached: Attached, run: Run, input_id: str) -> None:
    """Stop a run whose client has left: its turn, or its input that waits for it. Nobody else may read of the cursor any more."""
    while not run.ended and (events := await attached.cursor.next(READ_BYTES)):
        for event in events:
            run.takes(codec.decode_event(event.data))
    if run.ended:
        return
    submission: Submission = Interrupt() if run.begun else Withdraw(submission_id=input_id)
    await attached.port.submit(submission, sender=attached)


def _answers(event: ev.Event) -> list[Submission]:
    match event:
        case ev.ApprovalRequired():
            approvals = [Approval(one.tool_call_id, approved=False, feedback=NOBODY) for one in event.tools]
            return [ExecApproval(approvals=approvals)]
        case ev.AskUser():
            return [AnswerQuestion(question_id=event.question.question_id, action="cancel")]
    return []
