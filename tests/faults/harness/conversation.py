"""Scripted conversation: steps that wait until they are possible, and are skipped when they cannot become so.

A server that is killed in the middle of it ends the turn, so that much of what was to come does not happen. Whoever
drives the steps goes on where they stand.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from protocol.submissions import (
    Approval,
    Compact,
    ExecApproval,
    Interrupt,
    SetModel,
    Submission,
    Undo,
    UserInput,
)
from protocol.view import View
from tests.faults.harness.workbench import Workbench

MODELS = ("openai/scripted", "openai/scripted-too")
EDITED = "what the user wants"


@dataclass(frozen=True)
class Moment:
    """What a step may look at."""

    view: View
    bench: Workbench


@dataclass(frozen=True)
class Step:
    """`when` its moment has come, `make` what is said then, or `act`."""

    name: str
    when: Callable[[Moment], bool]
    make: Callable[[Moment], Submission] | None = None
    act: Callable[[Moment], None] | None = None


def rests(moment: Moment) -> bool:
    """Whether nothing runs, waits its turn or asks."""
    return moment.view.state == "idle" and not moment.view.queued


def at_a_standstill(moment: Moment) -> bool:
    """Whether nothing will happen until somebody says something."""
    return rests(moment) or (moment.view.state == "awaiting_approval" and not moment.bench.holding)


def _shows(words: str) -> Callable[[Moment], bool]:
    return lambda moment: moment.view.open_message is not None and words in moment.view.open_message.text


def _waits(text: str) -> Callable[[Moment], bool]:
    return lambda moment: any(waiting.text == text for waiting in moment.view.queued)


def _holds(moment: Moment) -> bool:
    return bool(moment.bench.holding) and any("holding" in call.log for call in moment.view.open_calls)


def _asks(moment: Moment) -> bool:
    return bool(moment.view.pending_approval)


def edit_and_approve(moment: Moment) -> Submission:
    """Approve every waiting call with another value."""
    return ExecApproval(
        approvals=[
            Approval(call.tool_call_id, True, arguments={**call.arguments, "value": EDITED})
            for call in moment.view.pending_approval
        ]
    )


def steps() -> list[Step]:
    """Text, reasoning, two calls at once, steer, queue, an approval with edited arguments, interrupt, undo, a change of
    model, compact, and a turn to the end."""
    return [
        Step("begin", rests, lambda _: UserInput(text="please begin")),
        Step("steer", _holds, lambda _: UserInput(text="be steered", when="steer")),
        Step("queue", _waits("be steered"), lambda _: UserInput(text="be queued")),
        Step("let go", _waits("be queued"), act=lambda moment: moment.bench.let_go()),
        Step("approve", _asks, edit_and_approve),
        Step("interrupt", _shows("takes "), lambda _: Interrupt()),
        Step("undo", rests, lambda _: Undo()),
        Step("model", rests, lambda _: SetModel(model=MODELS[1])),
        Step("compact", rests, lambda _: Compact()),
        Step("thanks", rests, lambda _: UserInput(text="thanks")),
    ]


def random_steps(rng: random.Random, count: int) -> list[Step]:
    """Anything at any moment, sensible or not."""
    return [_random_step(rng, number) for number in range(count)]


def _random_step(rng: random.Random, number: int) -> Step:
    when = rng.choice((rests, rests, _runs, _runs, _ever))
    kind = rng.choices(("say", "interrupt", "approve", "undo", "compact", "model"), (8, 2, 5, 2, 2, 1))[0]
    name = f"{kind}-{number}"
    match kind:
        case "say":
            steer = rng.choice((True, False))
            return Step(name, when, lambda _: UserInput(text=f"words {number}", when="steer" if steer else "queue"))
        case "interrupt":
            return Step(name, rng.choice((_runs, _streams)), lambda _: Interrupt())
        case "approve":
            approved, all_of_them = rng.random() < 0.7, rng.random() < 0.7
            return Step(name, _asks, lambda moment: _answer(moment, approved, all_of_them))
        case "undo":
            return Step(name, when, lambda _: Undo())
        case "compact":
            return Step(name, when, lambda _: Compact())
        case _:
            model = rng.choice(MODELS)
            return Step(name, when, lambda _: SetModel(model=model))


def _answer(moment: Moment, approved: bool, all_of_them: bool) -> Submission:
    pending = moment.view.pending_approval
    return ExecApproval(
        approvals=[Approval(call.tool_call_id, approved) for call in (pending if all_of_them else pending[:1])]
    )


def _ever(_: Moment) -> bool:
    return True


def _runs(moment: Moment) -> bool:
    return moment.view.state == "running"


def _streams(moment: Moment) -> bool:
    return moment.view.open_message is not None


def with_id(submission: Submission, submission_id: str) -> Submission:
    """The submission under this id."""
    return msgspec.structs.replace(submission, id=submission_id)
