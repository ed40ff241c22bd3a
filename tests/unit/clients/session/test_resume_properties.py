"""Resuming, properties: wherever a client is cut off, its view and its events are at the end those of one that never left."""

from hypothesis import given, settings
from hypothesis import strategies as st

from clients.session.core import Encoding, Position, SessionCore
from clients.session.outcomes import Fault, Outcome, ViewReset
from protocol import events as ev
from protocol.frames import Frame
from protocol.view import View, apply
from tests.unit.clients.session.recorded import MODEL, SESSION, Journal, conversation, copied, encoded, fold, packed

EVENTS = conversation()


class Listener:
    """A view that is folded from the outcomes alone."""

    def __init__(self) -> None:
        self.view = View(model=MODEL)

    def receive(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, ViewReset):
                self.view = outcome.view
            elif isinstance(outcome, ev.EventBase):
                assert ev.first_seq(outcome) <= self.view.seq + 1 <= outcome.seq
                apply(self.view, copied(outcome))


def deliver(data: st.DataObject, core: SessionCore, listener: Listener, frames: list[Frame], binary: bool) -> bool:
    """In messages of any size; False if the client found a fault."""
    while frames:
        size = data.draw(st.integers(1, len(frames)), label="frames in a message")
        outcomes = core.receive(packed(*frames[:size], binary=binary), 0.0)
        listener.receive(outcomes)
        if any(isinstance(outcome, Fault) for outcome in outcomes):
            return False
        frames = frames[size:]
    return True


def position_of(core: SessionCore) -> tuple[str, int] | None:
    return None if core.position is None else (core.position.epoch, core.position.seq)


@settings(deadline=None)
@given(st.data())
def test_a_client_cut_anywhere_ends_with_the_same_view(data: st.DataObject) -> None:
    encoding: Encoding = data.draw(st.sampled_from(["json", "msgpack"]))
    from_start = data.draw(st.booleans(), label="asks for the whole journal")
    core = SessionCore(SESSION, encoding=encoding, position=Position("", 0) if from_start else None)
    journal, listener, head = Journal(EVENTS), Listener(), 0
    for number in range(data.draw(st.integers(1, 5), label="sockets")):
        if data.draw(st.integers(0, 4), label="loses events") == 0:
            kept = data.draw(st.integers(0, head), label="kept")
            journal = journal.lose(kept, f"e{number + 2}")
            head = data.draw(st.integers(kept, head), label="head of the new past")
        head = data.draw(st.integers(head, len(EVENTS)), label="head")
        frames = journal.hello(position_of(core), head)
        end = data.draw(st.integers(head, len(EVENTS)), label="live until")
        frames += journal.events[head:end]
        frames = frames[: data.draw(st.integers(0, len(frames)), label="cut after")]
        head = end
        core.opened(0.0)
        assert deliver(data, core, listener, frames, encoding == "msgpack") or not core.live
        core.lost(None, "")
    for _ in range(2):
        core.opened(0.0)
        if deliver(data, core, listener, journal.hello(position_of(core), len(EVENTS)), encoding == "msgpack"):
            break
        core.lost(None, "the past is gone")
    assert core.position == Position(journal.epoch, len(EVENTS))
    assert encoded(core.view) == encoded(fold(journal.events))
    assert encoded(listener.view) == encoded(core.view)
