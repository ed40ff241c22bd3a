"""Durable Streams: the reference server keeps its promises, and planted faults are found by their cases."""

import os
import random
import subprocess
from pathlib import Path

import msgspec
import pytest

from clients.prove.cases import Case, cases_named
from clients.prove.checker import check
from clients.prove.ground import Target
from clients.prove.program import Program
from clients.prove.streams.cases import CASES
from clients.prove.streams.player import play
from tests.faults.harness.lengths import few, fresh_seed, in_the_long_form
from tests.faults.prove.streams.relay import Fault, Messages, relayed
from tests.support.network.ports import free_port
from tests.support.node import node_command
from tests.support.paths import ROOT

FOLDER = ROOT / "tests" / "support" / "npm" / "prove"
START = f"{node_command()} {FOLDER / 'durable-streams.mjs'} {{port}} {{data}}"
LIVE = "-1"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(START, f"http://127.0.0.1:{free_port()}", tmp_path, {})


class Drops(Fault):
    """Leaves out one message where a reader comes back."""

    def messages(self, messages: Messages, offset: str) -> Messages:
        return messages if offset == LIVE else [message for message in messages if message["number"] != 15]


class Doubles(Fault):
    """Gives each message twice."""

    def messages(self, messages: Messages, offset: str) -> Messages:
        return [one for message in messages for one in (message, message)]


class Swaps(Fault):
    """Gives the newest message first."""

    def messages(self, messages: Messages, offset: str) -> Messages:
        return messages[::-1]


class ForgetsProducers(Fault):
    """Stores each append that is sent again."""

    def request(self, headers: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in headers.items() if not name.startswith("producer")}


class Changes(Fault):
    """Gives another text to who comes back."""

    def messages(self, messages: Messages, offset: str) -> Messages:
        return messages if offset == LIVE else [{**message, "text": "other"} for message in messages]


@pytest.mark.parametrize(
    ("fault", "name", "kind"),
    few(
        [
            (Drops, "from_offsets", "lost"),
            (Doubles, "from_offsets", "doubled"),
            (Swaps, "from_offsets", "lost"),
            (ForgetsProducers, "sent_again", "doubled"),
            (Changes, "cut_by_reset", "torn"),
        ],
        3,
    ),
)
async def test_a_planted_fault_is_found_by_its_case(program: Program, fault: type[Fault], name: str, kind: str) -> None:
    (case,) = cases_named([name], CASES)
    await program.start()
    try:
        async with relayed(program.url, fault()) as url:
            found = check(await play(Target(url=f"{url}/v1/stream", patience_s=5.0), case.make(random.Random(7))))
    finally:
        await program.aclose()
    assert kind in {one.kind for one in found}, found


@pytest.mark.parametrize("case", few(CASES, 9), ids=lambda one: one.name)
@pytest.mark.timeout(300)
async def test_the_reference_server_keeps_its_promises_but_for_what_the_document_says(
    program: Program, case: Case
) -> None:
    """Its offsets may go back by a message while that is being stored: who polls gets it twice."""
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    await program.start()
    try:
        target = Target(url=f"{program.url}/v1/stream", program=program)
        found = check(await play(target, case.make(random.Random(seed))))
        assert [one for one in found if not (one.kind == "doubled" and one.client.startswith("polls"))] == []
    finally:
        await program.aclose()


@in_the_long_form
@pytest.mark.timeout(600)
async def test_the_conformance_suite_says_of_the_reference_server_what_the_document_says(program: Program) -> None:
    vitest = FOLDER / "node_modules/vitest/vitest.mjs"
    command: list[str | Path] = [
        node_command(),
        vitest,
        "run",
        "conformance.test.mjs",
        "--reporter=json",
        "--testTimeout=60000",
    ]
    await program.start()
    try:
        environ = {**os.environ, "STREAMS_URL": program.url}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER, env=environ)
    finally:
        await program.aclose()
    report = msgspec.json.decode(done.stdout)
    failed = {
        test["title"]
        for file in report["testResults"]
        for test in file["assertionResults"]
        if test["status"] == "failed"
    }
    document = (ROOT / "docs" / "prove.md").read_text()
    on_time = {
        title for title in failed if "TTL" not in title and "Expires" not in title
    }  # others fail where it is slow
    assert len(on_time) == 3 and all(f"`{title}`" in document for title in on_time), failed
    assert f"of its {report['numTotalTests']} tests pass" in document
