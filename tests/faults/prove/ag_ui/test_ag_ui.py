"""AG-UI: our endpoint keeps its promises, and planted faults are found by their cases."""

import random
import secrets
from pathlib import Path

import pytest

from clients.prove.ag_ui.cases import CASES
from clients.prove.ag_ui.player import play
from clients.prove.cases import Case, cases_named
from clients.prove.checker import check
from clients.prove.ground import NotPromised, Target
from clients.prove.model import ScriptedModel
from clients.prove.trace import Received
from tests.faults.harness.lengths import few, fresh_seed
from tests.faults.prove.ag_ui.relay import Event, Fault, relayed
from tests.support.compatible.settings import compatible
from tests.support.live import listening


class DropsAnEnd(Fault):
    """Leaves out the ends of messages."""

    def events(self, event: Event) -> list[Event]:
        return [] if event["type"] == "TEXT_MESSAGE_END" else [event]


class EndsTwice(Fault):
    """Says twice that a run finished."""

    def events(self, event: Event) -> list[Event]:
        return [event] * (2 if event["type"] == "RUN_FINISHED" else 1)


class NamesAnotherRun(Fault):
    """Gives the run an id of its own."""

    def events(self, event: Event) -> list[Event]:
        return [{**event, "runId": "another"} if "runId" in event else event]


class DropsAPiece(Fault):
    """Leaves out one piece of a text."""

    def __init__(self) -> None:
        self.pieces = 0

    def events(self, event: Event) -> list[Event]:
        self.pieces = 0 if event["type"] == "RUN_STARTED" else self.pieces
        self.pieces += event["type"] == "TEXT_MESSAGE_CONTENT"
        return [] if self.pieces == 2 and event["type"] == "TEXT_MESSAGE_CONTENT" else [event]


class SaysAllAgain(Fault):
    """Does not look at what the client has of a text: who comes back gets it from its start."""

    def request(self, run: Event) -> Event:
        return {**run, "messages": [one for one in run["messages"] if one["role"] == "user"]}


class ForgetsMessages(Fault):
    """Takes each message that is sent again for a new one."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    def request(self, run: Event) -> Event:
        said = [one for one in run["messages"] if one["role"] == "user"]
        if not said or said[-1]["id"] not in self.known:
            self.known |= {one["id"] for one in said}
            return run
        return {**run, "messages": [*said[:-1], {**said[-1], "id": secrets.token_hex(8)}]}


class RunsACallTwice(Fault):
    """Gives a call two results."""

    def events(self, event: Event) -> list[Event]:
        again = {**event, "messageId": secrets.token_hex(8)}
        return [event, again] if event["type"] == "TOOL_CALL_RESULT" else [event]


class ForgetsTheThread(Fault):
    """Shows nothing to who has no message."""

    def events(self, event: Event) -> list[Event]:
        return [] if event["type"] == "MESSAGES_SNAPSHOT" else [event]


class HidesTheLast(Fault):
    """Leaves the last message of a thread out where it is shown."""

    def events(self, event: Event) -> list[Event]:
        return [{**event, "messages": event["messages"][:-1]}] if event["type"] == "MESSAGES_SNAPSHOT" else [event]


PLANTED = [
    (DropsAnEnd, "runs_in_order", "torn"),
    (SaysAllAgain, "cut_by_reset", "torn"),
    (RunsACallTwice, "runs_in_order", "torn"),
    (EndsTwice, "runs_in_order", "torn"),
    (NamesAnotherRun, "same_run_id", "torn"),
    (DropsAPiece, "shown_again", "torn"),
    (ForgetsMessages, "cut_by_close", "torn"),
    (HidesTheLast, "two_clients", "lost"),
]


async def found_in(case: Case, seed: int, folder: Path, fault: type[Fault] = Fault) -> set[str]:
    """The kinds of the violations of our endpoint with this fault."""
    async with (
        ScriptedModel().running() as model,
        listening(compatible(folder, model)) as live,
        relayed(f"{live.http}/ag-ui", fault()) as url,
    ):
        url = f"{live.http}/ag-ui" if fault is Fault else url
        trace = await play(Target(url=url, patience_s=20.0), case.make(random.Random(seed)))
    assert any('"tool_output"' in one.data for one in trace if isinstance(one, Received)) or case.name not in CALLS
    return {one.kind for one in check(trace)}


CALLS = ("runs_in_order", "shown_again", "cut_at_a_call")


@pytest.mark.parametrize("case", few(CASES, 3), ids=lambda one: one.name)
async def test_our_endpoint_keeps_its_promises(case: Case, tmp_path: Path) -> None:
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    assert await found_in(case, seed, tmp_path) == set()


@pytest.mark.parametrize(("fault", "name", "kind"), few(PLANTED, 3))
async def test_a_planted_fault_is_found_by_its_case(fault: type[Fault], name: str, kind: str, tmp_path: Path) -> None:
    (case,) = cases_named([name], CASES)
    assert kind in await found_in(case, 7, tmp_path, fault)


async def test_what_an_endpoint_without_threads_does_not_promise_is_not_tried(tmp_path: Path) -> None:
    (case,) = cases_named(["shown_again"], CASES)
    with pytest.raises(BaseExceptionGroup) as raised:
        await found_in(case, 7, tmp_path, ForgetsTheThread)
    assert raised.group_contains(NotPromised, match="keeps no threads")
