"""Cases for Durable Streams: each one promise and one fault, made from a seed. Pure."""

import random
from collections.abc import Sequence

from clients.prove.cases import Case, Make, case
from clients.prove.links import Way
from clients.prove.steps import Cut, Free, Kill, Leave, Open, Pause, Restart, Say, Step, Until

POSITIONS = 10


def _begin() -> list[Step]:
    return [Open("stays", stays=True), Open("events"), Open("polls")]


def _append(rng: random.Random, first: int, count: int) -> list[Step]:
    return [Say("writer", f"m-{number}", "x" * rng.randrange(1, 200)) for number in range(first, first + count)]


def _rest(*names: str) -> list[Step]:
    return [Until(name, "rest") for name in names or ("stays", "events", "polls")]


def _from_offsets(rng: random.Random) -> list[Step]:
    steps = [*_begin(), *_append(rng, 0, 20), *_rest()]
    for number in range(POSITIONS):
        name = f"{'polls' if number % 2 else 'events'} again {number}"
        steps += [Open(name, "position", number / POSITIONS, "stays"), *_rest(name), Leave(name)]
    return steps


def _cut(way: Way) -> Make:
    def make(rng: random.Random) -> list[Step]:
        steps = _begin()
        for number in range(0, 30, 5):
            steps += [Cut(way, after_bytes=rng.choice((0, rng.randrange(1, 1_500)))), *_append(rng, number, 5)]
            steps += [Until("stays", "rest"), *([Free()] if way in ("silent", "half_open") else [])]
        return [*steps, *_rest()]

    return make


def _sent_again(rng: random.Random) -> list[Step]:
    steps = _begin()
    for number in range(10):
        append = _append(rng, number, 1)
        steps += [Cut("reset", after_bytes=rng.randrange(1, 400)), *append, *append]
    return [*steps, *_rest()]


def _stopped(stop: Step) -> Make:
    def make(rng: random.Random) -> list[Step]:
        steps = _begin()
        for number in range(0, 16, 4):
            steps += [*_append(rng, number, 4), Until("events", "events", rng.randrange(1, 4)), stop]
        return [*steps, *_append(rng, 16, 2), *_rest()]

    return make


CASES: Sequence[Case] = (
    case("from_offsets", "from any offset a reader gets what came later, once", _from_offsets),
    case("cut_by_reset", "a reader whose connection is reset loses and doubles nothing", _cut("reset")),
    case("cut_by_close", "a reader whose connection is closed loses and doubles nothing", _cut("close")),
    case("cut_in_silence", "a reader whose connection falls silent loses and doubles nothing", _cut("silent")),
    case("sent_again", "a message that is sent again under its producer number is stored once", _sent_again),
    case(
        "killed",
        "what was acknowledged is there after a kill, and is stored once if it is sent again",
        _stopped(Kill()),
    ),
    case("stopped", "a server that is stopped and started loses nothing", _stopped(Restart())),
    case("paused", "a server that was held goes on where it was", _stopped(Pause(1.0))),
)
"""All cases, in the order in which they run."""
