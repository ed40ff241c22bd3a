"""View in JavaScript: view.js and protocol/view.py make the same views of the same events."""

import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given

from protocol import codec
from protocol import events as ev
from protocol.view import View, apply
from tests.docs.journals import FOLDER as JOURNALS
from tests.docs.journals import merged
from tests.support.node import node_command
from tests.unit.clients.session.recorded import conversation
from tests.unit.clients.web import HERE
from tests.unit.protocol.streams import FEWER_LIVES, lives


class Folder:
    """A Node process that folds one journal after another."""

    def __init__(self) -> None:
        command = [node_command(), str(HERE / "fold.mjs")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def views(self, events: list[ev.Event]) -> list[Any]:
        """The view after each event."""
        views: list[Any] = self.ask(b"[" + b",".join(codec.encode(event) for event in events) + b"]")
        return views

    def last_view(self, events: list[ev.Event]) -> Any:
        """The view after the last event."""
        return self.ask(b"last[" + b",".join(codec.encode(event) for event in events) + b"]")

    def ask(self, line: bytes) -> Any:
        """What it gives for one line."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(line + b"\n")
        process.stdin.flush()
        return msgspec.json.decode(process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=10)
        assert self._process.returncode == 0


@pytest.fixture(scope="module")
def folder() -> Iterator[Folder]:
    one = Folder()
    yield one
    one.close()


def here(events: list[ev.Event]) -> list[Any]:
    """The view after each event, by protocol/view.py."""
    view, views = View(), []
    for event in events:
        apply(view, codec.decode_event(codec.encode(event)))
        views.append(msgspec.json.decode(msgspec.json.encode(view)))
    return views


def here_at_the_end(events: list[ev.Event]) -> Any:
    """The view after the last event, by protocol/view.py."""
    view = View()
    for event in events:
        apply(view, codec.decode_event(codec.encode(event)))
    return msgspec.json.decode(msgspec.json.encode(view))


def test_a_recorded_session_has_the_same_view_after_each_event(folder: Folder) -> None:
    events = list(conversation())
    assert folder.views(events) == here(events)


@FEWER_LIVES
@given(events=lives())
def test_any_life_of_a_session_has_the_same_view_after_each_event(folder: Folder, events: list[ev.Event]) -> None:
    assert folder.views(events) == here(events)


@FEWER_LIVES
@given(events=lives())
def test_a_merged_replay_ends_in_the_same_view(folder: Folder, events: list[ev.Event]) -> None:
    assert folder.last_view(merged(events)) == here_at_the_end(events)


@FEWER_LIVES
@given(events=lives())
def test_events_that_come_twice_change_nothing(folder: Folder, events: list[ev.Event]) -> None:
    assert folder.last_view([*events, *events]) == here_at_the_end(events)


def test_the_journals_that_are_published_have_their_views(folder: Folder) -> None:
    for path in sorted(JOURNALS.glob("*.json")):
        journal = msgspec.json.decode(path.read_bytes())
        assert folder.ask(msgspec.json.encode(journal["merged"])) == journal["views"], path.name
        assert folder.ask(b"last" + msgspec.json.encode(journal["events"])) == journal["views"][-1], path.name


def test_an_event_of_a_later_version_moves_the_position_alone(folder: Folder) -> None:
    events = list(conversation())
    unknown = ev.TitleChanged(seq=events[-1].seq + 1, at=events[-1].at, title="x")
    raw = codec.encode(unknown).replace(b'"title_changed"', b'"of_a_later_version"')
    *_, before, after = folder.ask(b"[" + b",".join([*(codec.encode(event) for event in events), raw]) + b"]")
    assert after == {**before, "seq": unknown.seq}
