"""Cases for ACP agents: each one promise and one fault, made from a seed. Pure."""

import random
from collections.abc import Sequence

from clients.prove.cases import Case, Make
from clients.prove.steps import Interrupt, Kill, Open, Raw, Restart, Say, Step, Until


def _say(number: int, tokens: int, every_ms: int = 2) -> Say:
    return Say("one", f"say-{number}", f"hello number {number} tokens={tokens} every_ms={every_ms}")


def _between_turns(stop: Step) -> Make:
    def make(rng: random.Random) -> list[Step]:
        steps: list[Step] = [Open("one")]
        for number in range(3):
            steps += [_say(number, rng.randrange(5, 60)), Until("one", "rest"), stop]
        return steps

    return make


def _killed(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one")]
    for number in range(2):
        steps += [_say(number, 100, 10), Until("one", "events", rng.randrange(5, 40)), Kill()]
    return [*steps, _say(2, 10), Until("one", "rest")]


def _cancelled(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one")]
    for number in range(2):
        steps += [
            _say(number, 300, 10),
            Until("one", "events", rng.randrange(5, 40)),
            Interrupt("one", f"stop-{number}"),
        ]
        steps += [Until("one", "rest")]
    return steps


def _prompts_in_order(rng: random.Random) -> list[Step]:
    steps: list[Step] = [Open("one")]
    for say in (_say(0, rng.randrange(5, 60)), Say("one", "say-1", "delete a file"), _say(2, rng.randrange(5, 60))):
        steps += [say, Until("one", "rest")]
    return steps


def _odd_lines(rng: random.Random) -> list[Step]:
    lines = ["{", '{"jsonrpc":"2.0","id":"odd","method":"no/such/method","params":{}}', "[]", '{"jsonrpc":"2.0"}']
    steps: list[Step] = [Open("one")]
    for number, line in enumerate(rng.sample(lines, len(lines))):
        steps += [Raw("one", line), _say(number, 10), Until("one", "rest")]
    return steps


CASES: Sequence[Case] = (
    Case("loaded_again", "a session that is loaded shows what was said, once", _between_turns(Restart()), False),
    Case("killed_between_turns", "what was said before a kill is there after it", _between_turns(Kill()), False),
    Case("killed_in_a_turn", "what was shown of an answer before a kill is there after it", _killed, False),
    Case("cancelled", "a prompt that is cancelled is answered, and what was said stays", _cancelled, False),
    Case("prompts_in_order", "each prompt has its answer, and each call one end", _prompts_in_order, False),
    Case("odd_lines", "what is no request changes nothing for others", _odd_lines, False),
)
"""All cases, in the order in which they run. The agent is always started by its command. The last three need no `loadSession`."""
