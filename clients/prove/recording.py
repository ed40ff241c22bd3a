"""Recordings: a session as its clients received it, with its views, as a file by which any client can check its fold. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from clients.prove.trace import WITNESS, Done, Entry, Received
from clients.session.frames import read_frames
from protocol import codec
from protocol import events as ev
from protocol.view import View, apply

FORMAT = "holdfast.journal.v1"


class Recording(msgspec.Struct, frozen=True):
    """`events`: one after another, as they were received live. `merged`: the same as a replay gave them.

    `views`: the view after each of `merged`, begun with an empty one. All are JSON.
    """

    about: str
    events: list[msgspec.Raw]
    merged: list[msgspec.Raw]
    views: list[msgspec.Raw]
    format: str = FORMAT


def recording(about: str, trace: Sequence[Entry]) -> Recording:
    """What a trace's clients received of its session since its data were put back, if they were. The trace broke no promise."""
    begin = max((n for n, entry in enumerate(trace) if isinstance(entry, Done) and entry.restored), default=0)
    everybody: list[tuple[ev.Event, str]] = []
    witness: list[tuple[ev.Event, str]] = []
    for entry in trace[begin:]:
        for frame in read_frames(entry.data, binary=False) if isinstance(entry, Received) else ():
            if isinstance(entry, Received) and isinstance(frame, ev.EventBase):
                pair = (codec.decode_event(entry.data.encode()), entry.data)
                everybody.append(pair)
                witness += [pair] if entry.client == WITNESS else []
    return made(about, _finest(everybody), witness)


def made(about: str, events: Sequence[tuple[ev.Event, str]], merged: Sequence[tuple[ev.Event, str]]) -> Recording:
    """A recording of these events and their JSON."""
    view, views = View(), []
    for event, _ in merged:
        apply(view, event)
        views.append(msgspec.Raw(msgspec.json.encode(view)))
    return Recording(about, [_raw(data) for _, data in events], [_raw(data) for _, data in merged], views)


def as_file(one: Recording) -> str:
    """The file's text: JSON, with a line for each event and view."""
    about = msgspec.json.encode({"format": one.format, "about": one.about}).decode()
    lists = ((name, getattr(one, name)) for name in ("events", "merged", "views"))
    parts = (f'"{name}": [\n' + ",\n".join(bytes(item).decode() for item in items) + "\n]" for name, items in lists)
    return about[:-1] + ",\n" + ",\n".join(parts) + "}\n"


def _finest(pairs: Iterable[tuple[ev.Event, str]]) -> list[tuple[ev.Event, str]]:
    """From the first event to the last one in the smallest steps that lead there."""
    steps: dict[int, tuple[ev.Event, str]] = {}
    newest_first = sorted(pairs, key=lambda pair: (-ev.first_seq(pair[0]), pair[0].seq))
    head = max((event.seq for event, _ in newest_first), default=0)
    for event, data in newest_first:
        if event.seq == head or event.seq + 1 in steps:
            steps.setdefault(ev.first_seq(event), (event, data))
    chain: list[tuple[ev.Event, str]] = []
    while (pair := steps.get(chain[-1][0].seq + 1 if chain else 1)) is not None:
        chain.append(pair)
    return chain


def _raw(data: str) -> msgspec.Raw:
    return msgspec.Raw(data.encode())
