"""Scripts: a client core in a known state and frames to give it."""

import random
from typing import Any

import msgspec

from clients.session.core import SessionCore
from clients.session.outcomes import Outcome
from protocol import events as ev
from protocol.frames import Frame
from protocol.submissions import UserInput
from tests.unit.clients.session.recorded import NOW, Journal, conversation, packed

EVENTS = conversation()
JOURNAL = Journal(EVENTS)


def core_of(**fields: Any) -> SessionCore:
    return SessionCore(rng=random.Random(1), **fields)


def receive(core: SessionCore, *frames: Frame, now: float = 0.0) -> list[Outcome]:
    return core.receive(packed(*frames), now)


def live(head: int = 0, **fields: Any) -> SessionCore:
    """A core that is up to date at `head`."""
    core = core_of(**fields)
    core.opened(0.0)
    receive(core, *JOURNAL.hello(None, head))
    return core


def accepted(submission_id: str, seq: int) -> ev.Accepted:
    return ev.Accepted(seq=seq, at=NOW, submission_id=submission_id, submission=UserInput(text="hi", id=submission_id))


def frames_of(core: SessionCore, now: float = 0.0) -> list[Any]:
    return [msgspec.json.decode(data) for data in core.data_to_send(now)]
