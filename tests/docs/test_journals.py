"""Journals in docs/journals: the fold of their events gives their views, they have every type of event, and none is out of date."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from clients.prove.recording import FORMAT, as_file, made
from protocol import codec
from protocol import events as ev
from protocol.view import View, apply
from tests.docs.journals import FOLDER

FILES = sorted(FOLDER.glob("*.json"))


def read(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())


def decoded(events: list[Any]) -> list[ev.Event]:
    return [codec.decode_event(msgspec.json.encode(event)) for event in events]


def plain(view: View) -> Any:
    return msgspec.json.decode(msgspec.json.encode(view))


def fold(events: list[Any]) -> View:
    view = View()
    for event in decoded(events):
        apply(view, event)
    return view


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_events_of_a_file_have_its_views(path: Path) -> None:
    file = read(path)
    views = {view["seq"]: view for view in file["views"]}
    view, compared = View(), 0
    for event in decoded(file["events"]):
        apply(view, event)
        if event.seq in views:
            compared += 1
            assert plain(view) == views[event.seq]
    assert compared == len(file["merged"]) == len(file["views"]) > 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_client_at_any_place_comes_to_the_last_view(path: Path) -> None:
    file = read(path)
    for place in range(0, len(file["events"]), 3):
        assert plain(fold(file["events"][:place] + file["merged"])) == file["views"][-1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_what_would_be_written_today(path: Path) -> None:
    """A view that has a new field is written anew: `as_file(made(...))` of what the file has."""
    file = read(path)
    pairs = [
        [(codec.decode_event(raw), raw.decode()) for raw in map(msgspec.json.encode, file[name])]
        for name in ("events", "merged")
    ]
    assert file["format"] == FORMAT
    assert path.read_text() == as_file(made(file["about"], *pairs))


def test_the_files_have_every_type_of_event() -> None:
    there = {event["type"] for path in FILES for event in read(path)["events"]}
    assert {kind.__struct_config__.tag for kind in ev.Event.__args__} == there


def test_the_document_names_the_fields() -> None:
    text = (FOLDER / "README.md").read_text()
    assert all(f"| `{name}` |" in text for path in FILES for name in read(path))
