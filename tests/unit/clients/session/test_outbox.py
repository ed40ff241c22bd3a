"""Submitting: submissions are sent until they are answered, done once, and never more than the server takes."""

import math

import pytest

from clients.session.core import Position
from clients.session.errors import OutboxFull, SubmissionRefused
from clients.session.outcomes import Acked, Outcome, Postponed, Rejected
from clients.session.reconnect import Backoff
from protocol import codes
from protocol.frames import Refused, Synced
from protocol.limits import Limits
from protocol.submissions import Interrupt, Undo, UserInput
from protocol.view import View, to_snapshot
from tests.unit.clients.session.recorded import ready
from tests.unit.clients.session.scripts import JOURNAL, accepted, core_of, frames_of, live, receive


def test_submissions_wait_for_synced_and_go_out_once() -> None:
    core = core_of()
    first = core.submit(UserInput(text="one"))
    core.opened(0.0)
    begin, snapshot, synced = JOURNAL.hello(None, 0)
    receive(core, begin, snapshot)
    assert core.data_to_send(0.0) == []
    receive(core, synced)
    second = core.submit(UserInput(text="two"))
    assert [frame["id"] for frame in frames_of(core)] == [first, second]
    assert core.data_to_send(0.0) == []
    assert core.next_send() == math.inf
    assert core.unsettled == 2


def test_the_clients_id_is_kept() -> None:
    core = live()
    assert core.submit(UserInput(text="one", id="mine")) == "mine"
    with pytest.raises(ValueError, match="on its way"):
        core.submit(UserInput(text="two", id="mine"))


def test_an_acceptance_settles_the_submission() -> None:
    core = live()
    core.submit(UserInput(text="hi", id="a"))
    core.data_to_send(0.0)
    event = accepted("a", 1)
    assert receive(core, event) == [event, Acked("a", event)]
    assert core.unsettled == 0


def test_a_repeated_accepted_event_answers_the_submission_and_is_no_event() -> None:
    core = live(3)
    core.submit(UserInput(text="hi", id="a"))
    event = accepted("a", 2)
    assert receive(core, event) == [Acked("a", event)]
    assert core.position == Position("e1", 3)


def test_unanswered_submissions_are_sent_again_after_synced() -> None:
    core = live()
    for name in ("answered", "lost"):
        core.submit(UserInput(text="hi", id=name))
    core.data_to_send(0.0)
    core.lost(None, "")
    assert core.data_to_send(0.0) == []
    core.opened(1.0)
    receive(core, ready(seq=1, recovered=True), accepted("answered", 1))
    assert core.data_to_send(1.0) == []
    receive(core, Synced(seq=1))
    assert [frame["id"] for frame in frames_of(core, 1.0)] == ["lost"]


def test_a_final_refusal_settles_the_submission() -> None:
    core = live()
    core.submit(UserInput(text="hi", id="a"))
    core.data_to_send(0.0)
    refused = Refused(id="a", code=codes.SESSION_CLOSED, message="over", retryable=False)
    assert receive(core, refused) == [Rejected("a", codes.SESSION_CLOSED, "over", False)]
    assert core.unsettled == 0


def test_a_refusal_without_a_submission_is_an_event() -> None:
    core = live()
    outcomes = receive(core, Refused(code=codes.BAD_FRAME, message="not a frame", retryable=False))
    assert outcomes == [Rejected("", codes.BAD_FRAME, "not a frame", False)]


def test_a_retryable_refusal_is_sent_again_with_the_same_id() -> None:
    core = live(backoff=Backoff(base_s=4.0))
    core.submit(UserInput(text="hi", id="a"))
    core.data_to_send(10.0)
    full = Refused(id="a", code=codes.INBOX_FULL, message="full", retryable=True)
    [postponed] = receive(core, full, now=10.0)
    assert isinstance(postponed, Postponed)
    assert 0 < postponed.delay_s <= 4.0
    assert core.next_send() == 10.0 + postponed.delay_s
    assert core.data_to_send(10.0) == []
    assert [frame["id"] for frame in frames_of(core, core.next_send())] == ["a"]


def test_a_submission_refused_too_often_is_returned() -> None:
    core = live()
    core.submit(UserInput(text="hi", id="a"))
    full = Refused(id="a", code=codes.INBOX_FULL, message="full", retryable=True)
    last: list[Outcome] = []
    for _ in range(9):
        core.data_to_send(1e9)
        last = receive(core, full)
    assert last == [Rejected("a", codes.INBOX_FULL, "full", True)]
    assert core.unsettled == 0


def test_busy_is_given_back_at_once() -> None:
    core = live()
    core.submit(Undo(id="u"))
    core.data_to_send(0.0)
    busy = Refused(id="u", code=codes.BUSY, message="a turn runs", retryable=True)
    assert receive(core, busy) == [Rejected("u", codes.BUSY, "a turn runs", True)]


@pytest.mark.parametrize(
    ("submission", "message"),
    [
        (UserInput(text=""), "length"),
        (UserInput(text="\ud800"), "surrogate|utf-8"),
        (UserInput(text="hi", id="x" * 65), "length"),
        (UserInput(text="x" * 2_000_000), "bytes; the server takes 1048576"),
    ],
)
def test_an_oversized_submission_is_refused_by_the_client(submission: UserInput, message: str) -> None:
    core = live()
    with pytest.raises(SubmissionRefused, match=message):
        core.submit(submission)
    assert core.unsettled == 0


def test_the_servers_own_limit_counts() -> None:
    core = core_of()
    core.opened(0.0)
    small = Limits(inbound_message_bytes=200)
    receive(core, ready(limits=small), to_snapshot(View()), Synced(seq=0))
    with pytest.raises(SubmissionRefused, match="takes 200"):
        core.submit(UserInput(text="x" * 200))


def test_the_outbox_has_a_bound() -> None:
    core = live(outbox_max=2)
    core.submit(Interrupt())
    core.submit(Interrupt())
    with pytest.raises(OutboxFull, match="2 submissions"):
        core.submit(Interrupt())
