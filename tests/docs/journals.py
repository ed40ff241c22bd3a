"""Journals: makes the files in docs/journals that no recording has: `python -m tests.docs.journals` writes them.

A recorded session has what a model and its tools do in a few turns. These have all the other types of events, as a server may send them.
"""

from collections.abc import Sequence

from hypothesis import given, settings

from clients.prove.recording import as_file, made
from protocol import codec
from protocol import events as ev
from protocol.merge import Merger
from tests.support.paths import ROOT
from tests.unit.protocol.streams import lives

FOLDER = ROOT / "docs" / "journals"
EVENTS_MAX = 60
ABOUT = "made by the generator of the tests: a session with every kind of thing that may happen in it"


def generated() -> list[list[ev.Event]]:
    """Sessions that have every type of event together, as few as are found among many."""
    found: list[list[ev.Event]] = []

    @settings(max_examples=600, derandomize=True, database=None)
    @given(events=lives())
    def collect(events: list[ev.Event]) -> None:
        if len(events) <= EVENTS_MAX:
            found.append(events)

    collect()
    chosen: list[list[ev.Event]] = []
    left = {str(kind.__struct_config__.tag) for kind in ev.Event.__args__}
    while new := max(({*types(events)} & left for events in found), key=len):
        chosen.append(min((e for e in found if {*types(e)} & left == new), key=len))
        left -= new
    return chosen


def types(events: Sequence[ev.Event]) -> list[str]:
    """The type of each event."""
    return [str(type(event).__struct_config__.tag) for event in events]


def merged(events: Sequence[ev.Event]) -> list[ev.Event]:
    """As a replay gives them."""
    merger = Merger()
    return [*(out for event in events for out in merger.push(event)), *merger.flush()]


def _pairs(events: Sequence[ev.Event]) -> list[tuple[ev.Event, str]]:
    raw = [codec.encode(event).decode() for event in events]
    return [(codec.decode_event(data.encode()), data) for data in raw]


if __name__ == "__main__":
    for number, life in enumerate(generated(), 1):
        one = made(f"{ABOUT} ({number})", _pairs(life), _pairs(merged(life)))
        (FOLDER / f"generated_{number}.json").write_text(as_file(one))
