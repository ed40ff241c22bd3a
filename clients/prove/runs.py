"""Runs: plays each case for one seed after another, judges the traces, and shortens what fails."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from clients.prove.cases import Case
from clients.prove.checker import check
from clients.prove.ground import NotPromised, Target
from clients.prove.player import play
from clients.prove.shrink import shrink
from clients.prove.steps import Step
from clients.prove.trace import Entry, Received, Violation

SHRINK_TRIES_MAX = 40
"""Plays that are spent on shortening one failure."""

SHRINK_S = 120.0
"""Seconds that are spent on it."""

SHRINK_PATIENCE_S = 15.0
"""The patience meanwhile: what got stuck is waited for in each play."""

TRACE_SHOWN_MAX = 60
"""Entries of a trace that a report has: the last ones before the violation."""


class Failure(msgspec.Struct, frozen=True):
    """A run that broke a promise. `seed` repeats it; `steps` are the fewest that show it, `trace` what happened in them."""

    seed: int
    violations: list[Violation]
    steps: list[Step]
    trace: list[Entry]


class CaseResult(msgspec.Struct):
    """What a case gave. `runs`: seeds that were played; `frames`: what its clients received in all; `seconds`: how long.

    `server`: the name that the server gave itself in `ready`.
    """

    name: str
    promise: str
    runs: int = 0
    frames: int = 0
    seconds: float = 0.0
    skipped: str = ""
    server: str = ""
    failure: Failure | None = None


Progress = Callable[[CaseResult, int, Sequence[Entry]], None]
"""Called after each run with the case so far, the seed, and the run's trace."""


Play = Callable[[Target, Sequence[Step]], Awaitable[list[Entry]]]
"""Takes steps on a server, and gives the trace of it. Raises `NotPromised`."""


async def prove(
    target: Target,
    cases: Sequence[Case],
    *,
    seed: int,
    rounds: int,
    seconds: float,
    progress: Progress,
    play: Play = play,
) -> list[CaseResult]:
    """The results of all cases. Each is played for `rounds` seeds, and for more until `seconds` are over; a failure ends it."""
    results = [CaseResult(case.name, case.promise) for case in cases]
    ends = time.monotonic() + seconds
    number = 0
    while number < rounds or time.monotonic() < ends:
        for case, result in zip(cases, results, strict=True):
            if case.needs_command and target.program is None:
                result.skipped = "it needs --command"
            elif result.failure is None and not result.skipped:
                try:
                    await _run(play, target, case, result, seed + number, progress)
                except NotPromised as error:
                    result.skipped = str(error)
        number += 1
        if all(result.failure is not None or result.skipped for result in results):
            break
    return results


async def _run(play: Play, target: Target, case: Case, result: CaseResult, seed: int, progress: Progress) -> None:
    began = time.monotonic()
    steps = case.make(random.Random(f"{case.name} {seed}"))
    trace = await play(target, steps)
    violations = check(trace)
    result.runs += 1
    result.frames += sum(isinstance(entry, Received) for entry in trace)
    result.server = result.server or _server_name(trace)
    if violations:
        result.failure = await _shortened(play, target, Failure(seed, violations, list(steps), trace))
    result.seconds += time.monotonic() - began
    progress(result, seed, trace)


async def _shortened(play: Play, target: Target, failure: Failure) -> Failure:
    """The same failure with fewer steps: a run fails the same way if it shows a violation of the same kind."""
    kind = failure.violations[0].kind
    target = msgspec.structs.replace(target, patience_s=min(target.patience_s, SHRINK_PATIENCE_S))
    candidates = shrink(failure.steps, SHRINK_TRIES_MAX)
    ends = time.monotonic() + SHRINK_S
    try:
        candidate = next(candidates)
        while time.monotonic() < ends:
            trace = await play(target, candidate)
            violations = check(trace)
            fails = any(one.kind == kind for one in violations)
            if fails:
                failure = Failure(failure.seed, violations, candidate, trace)
            candidate = candidates.send(fails)
    except StopIteration:
        pass  # there is nothing left to leave out
    return failure


def shown(failure: Failure) -> list[Entry]:
    """The end of the trace, up to the first violation's entry."""
    first = failure.violations[0].entry
    return failure.trace[max(0, first - TRACE_SHOWN_MAX + 1) : first + 1]


class _Ready(msgspec.Struct):
    server: str = ""


def _server_name(trace: Sequence[Entry]) -> str:
    for entry in trace:
        if isinstance(entry, Received) and '"type":"ready"' in entry.data[:20]:
            return msgspec.json.decode(entry.data, type=_Ready).server
    return ""
