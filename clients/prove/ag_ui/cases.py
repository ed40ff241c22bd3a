"""Cases for AG-UI: each one promise and one fault, made from a seed. Pure."""

import random
from collections.abc import Sequence

from clients.prove.cases import Case, Make, case
from clients.prove.links import Way
from clients.prove.steps import Answer, Cut, Open, Raw, Say, Step, Until

SAME_RUN = "same-run "
"""How the id of a message begins whose run has the same id as all others of that kind."""


def _say(rng: random.Random, number: int, *, client: str = "one", kind: str = "", every_ms: int = 1) -> list[Step]:
    tokens = rng.randrange(5, 60)
    return [Say(client, f"{kind}say-{number}", f"hello number {number} tokens={tokens} every_ms={every_ms}")]


def _asks(number: int) -> list[Step]:
    return [Say("one", f"delete-{number}", f"delete file number {number}"), Until("one", "rest")]


def _approved(number: int) -> list[Step]:
    return [Answer("one", f"approved-{number}"), Until("one", "rest")]


def _runs_in_order(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one", "start")]
    for number in range(2):
        steps += [*_say(rng, number), Until("one", "rest")]
    return [*steps, *_asks(2), *_approved(2)]


def _same_run_id(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one", "start")]
    for number in range(3):
        steps += [*_say(rng, number, kind=SAME_RUN), Until("one", "rest")]
    return steps


def _odd_bodies(rng: random.Random) -> list[Step]:
    bodies = ["{", "[]", '{"threadId": 1, "runId": [], "messages": {}}', '{"messages": [{"role": 1}]}']
    steps: list[Step] = [Open("one", "start")]
    for number, body in enumerate(rng.sample(bodies, len(bodies))):
        steps += [*_say(rng, number), Until("one", "events"), Raw("one", body), Until("one", "rest")]
    return steps


def _shown_again(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one", "start")]
    for number in range(2):
        steps += [*_say(rng, number), Until("one", "rest"), Open("reader")]
    return [*steps, *_asks(2), Open("reader"), *_approved(2)]


def _cut(way: Way) -> Make:
    def make(rng: random.Random) -> list[Step]:
        steps: list[Step] = [Open("one", "start")]
        for number in range(3):
            steps += [
                Cut(way, after_bytes=rng.randrange(1, 4_000)),
                *_say(rng, number, every_ms=3),
                Until("one", "events", 5),
            ]
            steps += [Cut(way), Until("one", "rest")]
        return steps

    return make


def _cut_at_a_call(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one", "start")]
    for number in range(2):
        steps += [Cut("reset", after_bytes=rng.randrange(1, 1_200)), *_asks(number)]
        steps += [Cut("reset", after_bytes=rng.randrange(1, 1_200)), *_approved(number)]
    return steps


def _two_clients(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one", "start")]
    for number in range(0, 4, 2):
        steps += [*_say(rng, number, every_ms=10), Until("one", "events", rng.randrange(3, 8)), Open("two")]
        steps += [
            Until("one", "rest"),
            Until("two", "rest"),
            *_say(rng, number + 1, client="two"),
            Until("two", "rest"),
        ]
    return steps


CASES: Sequence[Case] = (
    case("runs_in_order", "a run has its start, whole messages and calls, and one end, in order", _runs_in_order),
    case("same_run_id", "a run whose id was used before answers its own message", _same_run_id),
    case("odd_bodies", "what is no run is refused, and changes nothing for others", _odd_bodies),
    case("shown_again", "a thread that is asked for without a message shows what was said, once", _shown_again),
    case("cut_by_reset", "a message that is sent again after a reset is answered once and whole", _cut("reset")),
    case("cut_by_close", "a message that is sent again after a close is answered once and whole", _cut("close")),
    case("cut_at_a_call", "a call runs once, however often its run is asked for", _cut_at_a_call),
    case("two_clients", "two clients of one thread see the same in the end", _two_clients),
)
"""All cases, in the order in which they run. All after `odd_bodies` need an endpoint that keeps its threads."""
