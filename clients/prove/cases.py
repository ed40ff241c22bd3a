"""Cases: named lists of steps, each for one promise and one fault, made from a seed. Pure."""

import random
from collections.abc import Callable, Sequence

import msgspec

from clients.prove.links import Way
from clients.prove.steps import (
    NEEDS_COMMAND,
    Answer,
    Cut,
    Free,
    Interrupt,
    Kill,
    Leave,
    Open,
    Pause,
    PutBack,
    Raw,
    Restart,
    Save,
    Say,
    Slow,
    Stall,
    Step,
    Until,
)

Make = Callable[[random.Random], list[Step]]

APPENDS = (("text", 9), ("asks", 5), ("approved", 12))
"""Parts of a conversation, each with at least as many appends as a server makes in it: a text, a call until it asks, and the rest
of its turn. Beyond the last one nothing is sent, and nothing is done."""

POSITIONS = 24
"""Positions from which a recorded session is resumed in one case."""


class Case(msgspec.Struct, frozen=True):
    """`promise`: what must hold. `make`: the steps for a seed's numbers. `needs_command`: it stops and starts the server."""

    name: str
    promise: str
    make: Make
    needs_command: bool


def _text(rng: random.Random) -> str:
    return f"hello tokens={rng.randrange(5, 80)} every_ms={rng.choice((0, 1, 3))}"


def _perhaps(rng: random.Random, step: Step) -> list[Step]:
    return [step] if rng.random() < 0.5 else []


def _begin(*, msgpack: bool = True) -> list[Step]:
    """One client that is never cut off, and two that are. `msgpack`: the second of them speaks MessagePack."""
    return [Open("stays", stays=True), Open("one"), Open("two", at="start", msgpack=msgpack)]


def _turn(number: int, rng: random.Random, speaker: str = "one") -> list[Step]:
    return [Say(speaker, f"say-{number}", _text(rng))]


def _rest(client: str = "stays") -> list[Step]:
    return [Until(client, "rest")]


def _resume_at_positions(rng: random.Random) -> list[Step]:
    steps: list[Step] = [
        *_begin(),
        *_turn(1, rng),
        *_rest("one"),
        Say("one", "say-2", "delete"),
        Until("stays", "approval"),
    ]
    steps += [Answer("stays", "answer-1"), *_rest(), *_turn(3, rng), *_rest("one")]
    for number in range(POSITIONS + 1):
        name = f"back-{number}"
        steps += [
            Open(name, "position", number / POSITIONS, "stays", msgpack=number % 2 == 1),
            Until(name, "rest"),
            Leave(name),
        ]
    return steps


def _two_positions(rng: random.Random) -> list[Step]:
    steps = [
        *_begin(),
        *_turn(1, rng),
        *_rest("one"),
        Say("one", "say-2", "hello tokens=150 every_ms=3"),
        Until("stays", "text"),
    ]
    for number in range(8):
        steps += [
            Open(f"back-{number}", "position", rng.random(), "stays"),
            Until("stays", "events", rng.randrange(1, 5)),
        ]
    return steps


def _snapshots(rng: random.Random) -> list[Step]:
    steps: list[Step] = [*_begin(), Say("one", "say-1", "hello tokens=60 every_ms=3"), Until("stays", "text")]
    steps += [Until("stays", "events", rng.randrange(1, 8)), Open("in text"), *_rest(), *_rest("in text")]
    steps += [Say("one", "say-2", "delete"), Until("stays", "approval"), Open("in approval")]
    return [*steps, Until("in approval", "approval"), Answer("in approval", "answer-1", rng.random() < 0.5), *_rest()]


def _cut(way: Way) -> Make:
    def make(rng: random.Random) -> list[Step]:
        steps = _begin()
        for number in range(3):
            steps += _turn(number, rng, rng.choice(("one", "two")))
            for _ in range(rng.randrange(1, 4)):
                steps.append(Until("stays", "events", rng.randrange(1, 4)))
                steps.append(Cut(way, after_bytes=rng.choice((0, rng.randrange(1, 3_000)))))
            steps += [*([Free()] if way in ("silent", "half_open") else []), *_rest()]
        return steps

    return make


def _cut_often(rng: random.Random) -> list[Step]:
    steps: list[Step] = [*_begin(), Say("one", "say-1", "hello tokens=120 every_ms=5")]
    for _ in range(20):
        steps += [Cut(rng.choice(("reset", "close")), after_bytes=rng.randrange(1, 900)), Until("stays", "events", 2)]
    return [*steps, *_rest()]


def _sent_again(rng: random.Random) -> list[Step]:
    steps = _begin()
    for number in range(4):
        words = _text(rng)
        steps += [Cut("reset", after_bytes=rng.randrange(1, 400)), Say("one", f"say-{number}", words)]
        steps += [Say("two", f"say-{number}", words), *_rest(), Say("one", f"say-{number}", words), *_rest("one")]
    return steps


def _other_text(rng: random.Random) -> list[Step]:
    words = _text(rng)
    said = Say("one", "say-1", words)
    return [
        *_begin(),
        said,
        *_rest("one"),
        Say("two", "say-1", words + " and more"),
        *_rest("two"),
        said,
        *_rest("one"),
    ]


def _raced_approvals(rng: random.Random) -> list[Step]:
    steps = _begin()
    for number in range(3):
        steps += [Say("one", f"say-{number}", "delete"), Until("one", "approval"), Until("two", "approval")]
        answers = [Answer(name, f"answer-{number}-{name}", rng.random() < 0.5) for name in ("one", "two", "stays")]
        rng.shuffle(answers)
        if rng.random() < 0.5:
            steps.append(Cut("reset", after_bytes=rng.randrange(1, 600)))
        steps += [*answers, *_rest(), *_rest("one")]
    return steps


def _interrupted(rng: random.Random) -> list[Step]:
    steps = _begin()
    for number in range(3):
        steps += [Say("one", f"say-{number}", "hello tokens=400 every_ms=5"), Until("stays", "text")]
        steps += [
            Until("stays", "events", rng.randrange(1, 6)),
            Interrupt(rng.choice(("one", "two", "stays")), f"stop-{number}"),
            *_rest(),
        ]
    return steps


def _slow_and_stalled(rng: random.Random) -> list[Step]:
    steps: list[Step] = [
        *_begin(),
        Say("stays", "say-1", "hello tokens=1500 every_ms=0"),
        Slow(rng.randrange(20_000, 60_000)),
    ]
    return [*steps, Stall("two", rng.uniform(0.5, 1.5)), Free(), *_rest(), *_turn(2, rng, "two"), *_rest()]


_HOSTILE = (
    Raw("two", "{"),
    Raw("two", '{"type":"no such thing"}'),
    Raw("two", '{"type":"user_input","text":7,"id":"odd-1"}'),
    Raw("two", '{"type":"exec_approval","approvals":[{"tool_call_id":"none","approved":true}],"id":"odd-2"}'),
    Raw("two", "[" * 500),
    Raw("two", "c1ff00", hex=True),
    Raw("two", '{"type":"interrupt","id":"' + "x" * 65 + '"}'),
)


def _hostile_frames(rng: random.Random) -> list[Step]:
    steps: list[Step] = [
        *_begin(msgpack=False),
        Say("one", "say-1", "hello tokens=100 every_ms=3"),
        Until("stays", "text"),
    ]
    for frame in rng.sample(_HOSTILE, len(_HOSTILE)):
        steps += [frame, Until("stays", "events")]
    return [*steps, *_rest(), *_turn(2, rng, "two"), *_rest()]


def _killed(stop: type[Kill] | type[Restart]) -> Make:
    def make(rng: random.Random) -> list[Step]:
        steps: list[Step] = [Open("one"), Open("two", at="start")]
        for number in range(3):
            steps += [Say("one", f"say-{number}", f"hello tokens={rng.randrange(20, 90)} every_ms=5")]
            steps += [Until("two", "events", rng.randrange(1, 14)), stop(), *_rest("one"), *_rest("two")]
        return steps

    return make


def _at_each_append(stop: Callable[[random.Random, int], Step]) -> Make:
    """`stop`: what is done at a piece. Two clients get each append as a piece each: the seed says at which of them, and in which order."""

    def make(rng: random.Random) -> list[Step]:
        steps: list[Step] = [Open("one"), Open("two", at="start", msgpack=True)]
        places = [(part, append) for part, count in APPENDS for append in range(1, count + 1)]
        for place, (part, append) in enumerate(rng.sample(places, len(places))):
            at = stop(rng, 2 * append - rng.randrange(2))
            words = "hello tokens=6 every_ms=5" if part == "text" else "delete"
            asked: list[Step] = [Until("one", "approval"), Answer("one", f"answer-{place}")] if part != "text" else []
            steps += [Say("one", f"say-{place}", words), *([*asked, at] if part == "approved" else [at, *asked])]
            steps += [*_rest("one"), *_rest("two")]
        return steps

    return make


def _killed_in_approval(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one"), Open("two", at="start")]
    for number in range(2):
        steps += [Say("one", f"say-{number}", "delete"), Until("two", "approval"), Kill(), Until("two", "approval")]
        steps += [
            Answer("two", f"answer-{number}", rng.random() < 0.7),
            *_perhaps(rng, Kill()),
            *_rest("one"),
        ]
    return steps


def _killed_while_sending(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one"), Open("two")]
    for number in range(3):
        words = _text(rng)
        steps += [
            Say("one", f"say-{number}", words),
            Kill(),
            Say("two", f"say-{number}", words),
            *_rest("two"),
            *_rest("one"),
        ]
    return steps


def _paused(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one"), Open("two", at="start"), Say("one", "say-1", "hello tokens=60 every_ms=5")]
    steps += [Until("two", "events", rng.randrange(1, 6)), Pause(rng.uniform(0.5, 2.0)), Cut("reset"), *_rest("one")]
    return [*steps, *_rest("two")]


def _put_back(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one"), Open("two", at="start"), *_turn(1, rng), *_rest("one"), Save(), *_rest("one")]
    steps += [*_turn(2, rng), *_rest("one"), *_rest("two"), PutBack(), *_rest("one"), *_rest("two")]
    return [*steps, *_turn(3, rng), *_rest("one"), *_rest("two")]


def case(name: str, promise: str, make: Make) -> Case:
    """The case; it needs a command if it takes a step that does."""
    needs = any(isinstance(step, NEEDS_COMMAND) for step in make(random.Random(0)))
    return Case(name, promise, make, needs)


CASES: Sequence[Case] = (
    case("resume_at_positions", "from any position a client gets what came later, once", _resume_at_positions),
    case("two_positions_at_once", "clients at different positions see the same in the end", _two_positions),
    case("snapshots_in_a_turn", "a snapshot has what is said and asked at that moment", _snapshots),
    case("cut_by_reset", "a connection that is reset loses and doubles nothing", _cut("reset")),
    case("cut_by_close", "a connection that is closed loses and doubles nothing", _cut("close")),
    case("cut_in_silence", "a connection that falls silent loses and doubles nothing", _cut("silent")),
    case(
        "cut_half_open",
        "a connection of which only one side knows the end loses and doubles nothing",
        _cut("half_open"),
    ),
    case(
        "cut_at_each_frame",
        "wherever a cut ends what is sent, all that was stored comes",
        _at_each_append(lambda rng, piece: Cut("reset", piece=piece)),
    ),
    case("cut_often", "a text that is cut again and again is whole", _cut_often),
    case("sent_again", "a submission that is sent again is done once and has one answer", _sent_again),
    case("same_id_other_text", "an id that was used is not taken for another submission", _other_text),
    case("raced_approvals", "the first answer to an approval counts, and it binds", _raced_approvals),
    case("interrupted", "a turn that is stopped ends, and what was said stays", _interrupted),
    case("slow_and_stalled_readers", "who reads slowly comes back and misses nothing", _slow_and_stalled),
    case("hostile_frames", "what is no submission changes nothing for others", _hostile_frames),
    case("killed_in_a_turn", "a server that is killed comes back with all that was seen", _killed(Kill)),
    case(
        "killed_at_each_append",
        "wherever a kill stops what is sent, all that was stored comes",
        _at_each_append(lambda rng, piece: Kill(piece)),
    ),
    case(
        "stopped_at_each_append",
        "wherever a stop ends what is sent, all that was stored comes",
        _at_each_append(lambda rng, piece: Restart(piece)),
    ),
    case(
        "held_at_each_append",
        "wherever a server is held, it goes on where it was",
        _at_each_append(lambda rng, piece: Pause(rng.uniform(0.05, 0.3), piece)),
    ),
    case("killed_while_an_approval_waits", "an approval still waits after a kill", _killed_in_approval),
    case("killed_while_sending", "a submission whose answer was lost by a kill is done once", _killed_while_sending),
    case("stopped_in_a_turn", "a server that is stopped and started loses nothing", _killed(Restart)),
    case("paused_in_a_turn", "a server that was held goes on where it was", _paused),
    case("data_put_back", "after older data were put back, nobody is told that nothing was lost", _put_back),
)
"""All cases, in the order in which they run."""


def cases_named(names: Sequence[str], cases: Sequence[Case] = CASES) -> list[Case]:
    """The cases whose names contain one of these; all if there are none. Raises `ValueError` for a name without a case."""
    for name in names:
        if not any(name in one.name for one in cases):
            raise ValueError(f"no case is named {name!r}; they are: {', '.join(one.name for one in cases)}")
    return [one for one in cases if not names or any(name in one.name for name in names)]
