"""Transcripts: a documented conversation is held with a real server by the real wscat, and compared with what is shown.

A line `$ wscat -c URL ...` connects, `> TEXT` is typed, `< FRAME` is expected. `…` stands for fields or text left out.
"""

import json
import re
import shlex
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.live import Live
from tests.support.wscat import Wscat, wscat

Frame = dict[str, Any]
STREAMED = ("assistant_chunk", "tool_log")
BY_CHANCE = {
    "seq",
    "first_seq",
    "at",
    "offset",
    "duration_ms",
    "input_tokens",
    "output_tokens",
    "turn_id",
    "message_id",
}
"""Fields whose values depend on the pace of the run."""
ID = re.compile(r"[0-9a-f]+|(?:call_)[0-9a-f]+|(?:turn|msg)-\d+")


class Step(NamedTuple):
    """What is typed ("" at first), and the frames that follow until the next step."""

    typed: str
    frames: list[Frame]


class Connection(NamedTuple):
    """One command of a transcript and the conversation below it."""

    command: str
    steps: list[Step]


def parse(text: str) -> list[Connection]:
    """The connections of a transcript. Raises ValueError for a line that is neither command, typed, nor a frame."""
    connections: list[Connection] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            connections.append(Connection(line[2:], [Step("", [])]))
        elif line.startswith("> "):
            connections[-1].steps.append(Step(line[2:], []))
        elif line.startswith("< "):
            connections[-1].steps[-1].frames.append(as_frame(line[2:]))
        elif line != "Connected (press CTRL+C to quit)":
            raise ValueError(f"a transcript has no such line: {line}")
    return connections


def as_frame(text: str) -> Frame:
    """A frame as it is shown, without the fields left out."""
    frame: Frame = json.loads(text.replace(",…", ""))
    return frame


class Replay:
    """Holds the conversations of a document's transcripts one after the other with one server, and compares."""

    def __init__(self, live: Live, data: Path) -> None:
        self._live = live
        self._data = data
        self._actual: dict[str, str] = {}  # an id of the document -> the one that the server gave
        self._position = 0

    async def hold(self, connection: Connection) -> None:
        """Connect, type, read and compare; then cut the socket."""
        url, *options = self._arguments(connection.command)
        async with wscat(url, *options) as person:
            for step in connection.steps:
                if step.typed:
                    await person.type(self._translated(step.typed))
                await self._read(person, step.frames)
            shown = [frame for step in connection.steps for frame in step.frames]
            self._compare(shown, person, resumed="?after=" in url)
            self._position = max((frame["seq"] for frame in person.frames if "at" in frame), default=0)

    def _arguments(self, command: str) -> list[str]:
        """The address and the options that a shell would give to wscat."""
        words = shlex.split(command)
        words = words[1:] if words[0] == "npx" else words
        assert words[:2] == ["wscat", "-c"], f"not a command of wscat: {command}"
        token = (self._data / "token").read_text().strip()
        words = [word.replace("$(cat data/token)", token) for word in words[2:]]
        address = self._translated(words[0]).replace("localhost:7860", f"127.0.0.1:{self._live.port}")
        return [re.sub(r"after=\d+", f"after={self._position}", address), *words[1:]]

    def _translated(self, text: str) -> str:
        """The text with the server's ids in the place of the document's."""
        return re.sub("|".join(map(re.escape, self._actual)) or "$^", lambda match: self._actual[match[0]], text)

    async def _read(self, person: Wscat, shown: list[Frame]) -> None:
        """Read until the frames of a step are there, and learn their ids."""
        last = shown[-1]["type"]
        await person.until(last, at_least=[kind for kind, _ in groupby(shown, type_of)].count(last))
        for frame in shown:
            same = [received for received in person.frames if received["type"] == frame["type"]]
            if same:
                self._learn(frame, same[-1] if frame["type"] != "ready" else same[0])

    def _learn(self, shown: Any, actual: Any) -> None:
        if isinstance(shown, dict) and isinstance(actual, dict):
            for name in shown.keys() & actual.keys():
                self._learn(shown[name], actual[name])
                if (name.endswith("_id") or name == "epoch") and isinstance(shown[name], str):
                    self._actual[shown[name]] = actual[name]
        elif isinstance(shown, list) and isinstance(actual, list):
            for one, other in zip(shown, actual, strict=False):
                self._learn(one, other)

    def _compare(self, shown: list[Frame], person: Wscat, *, resumed: bool) -> None:
        """How much of a text is replayed and how much comes live is the clock's affair: only the rest is compared then."""
        left_out = ("heartbeat", *(STREAMED if resumed else ()))
        expected, actual = runs(shown, left_out), runs(person.frames, left_out)
        kinds, came = ([kind for kind, _ in each] for each in (expected, actual))
        assert came == kinds, f"{came} came, not {kinds}"
        for (_, one), (_, other) in zip(expected, actual, strict=True):
            # Of several frames of one type the document shows the first, or some.
            compared = [whole_or_joined(one[0], frame) for frame in other]
            assert any(not differences(one[0], frame) for frame in compared), (
                differences(one[0], compared[0]),
                other[0],
            )


def type_of(frame: Frame) -> str:
    """The frame's type."""
    kind: str = frame["type"]
    return kind


def runs(frames: list[Frame], left_out: tuple[str, ...]) -> list[tuple[str, list[Frame]]]:
    """The frames, those of one type after another together."""
    return [(kind, list(some)) for kind, some in groupby((f for f in frames if f["type"] not in left_out), type_of)]


def whole_or_joined(shown: Frame, actual: Frame) -> Frame:
    """The frame that was sent; of streamed text that begins as shown only that much: under load, more is joined to it."""
    if actual["type"] in STREAMED and "text" in shown and str(actual["text"]).startswith(str(shown["text"])):
        return {**actual, "text": shown["text"]}
    return actual


def differences(shown: Any, actual: Any, name: str = "") -> list[str]:
    """Where a value as shown in a document is not what a server sent: fields, their order, values, forms of ids."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        found = [key for key in shown if key not in actual]
        order = [key for key in actual if key in shown]
        if not found and order != list(shown):
            found.append(f"{name}: the fields come in the order {order}")
        return found + [text for key in order for text in differences(shown[key], actual[key], key)]
    if isinstance(shown, list) and isinstance(actual, list):
        if len(shown) != len(actual):
            return [f"{name}: {len(actual)} instead of {len(shown)}"]
        return [text for one, other in zip(shown, actual, strict=True) for text in differences(one, other, name)]
    if type(shown) is not type(actual):
        return [f"{name}: {actual!r} instead of {shown!r}"]
    if name in BY_CHANCE:
        return []
    if isinstance(shown, str):
        return [] if same_text(shown, actual) else [f"{name}: {actual!r} instead of {shown!r}"]
    return [] if shown == actual else [f"{name}: {actual!r} instead of {shown!r}"]


def same_text(shown: str, actual: str) -> bool:
    """Equal, ids of one form, or equal but for what `…` stands for."""
    if ID.fullmatch(shown) and ID.fullmatch(actual) and len(shown) == len(actual):
        return True
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), actual, re.DOTALL) is not None
