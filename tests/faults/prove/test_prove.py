"""Proving: each planted fault is found by its case, and the product passes all of them."""

import random
from pathlib import Path

import pytest

from clients.prove.cases import CASES, Case, cases_named
from clients.prove.checker import check
from clients.prove.ground import Target
from clients.prove.model import ScriptedModel
from clients.prove.player import play
from tests.faults.harness.lengths import few, fresh_seed, length
from tests.faults.prove.mutated_server import mutated
from tests.faults.prove.planted import PLANTED, Planted
from tests.support.application import ASKS_TO_WRITE, settings_for
from tests.support.live import listening

PATIENCE_S = 8.0
"""The first answer of a model takes seconds on a busy machine: its library is imported then."""
SEEDS = length(1, 8)
WITHOUT_COMMAND = [case for case in CASES if not case.needs_command]


@pytest.mark.parametrize("planted", few(PLANTED, 7), ids=lambda one: one.what.replace(" ", "-"))
async def test_a_planted_fault_is_found_by_its_case(planted: Planted, tmp_path: Path) -> None:
    (case,) = cases_named([planted.case])
    async with ScriptedModel().running() as model:
        async with listening(settings_for(tmp_path, model, policy=ASKS_TO_WRITE)) as live:
            async with mutated(live.ws, planted.make()) as url:
                steps = case.make(random.Random(7))
                found = check(await play(Target(url=url, patience_s=PATIENCE_S), steps))
    assert planted.kinds & {one.kind for one in found}, found


@pytest.mark.parametrize("case", few(WITHOUT_COMMAND, 4), ids=lambda one: one.name)
@pytest.mark.timeout(600)
async def test_the_product_keeps_its_promises_in_every_case(case: Case, tmp_path: Path) -> None:
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    async with ScriptedModel().running() as model:
        async with listening(settings_for(tmp_path, model, policy=ASKS_TO_WRITE)) as live:
            for number in range(SEEDS):
                steps = case.make(random.Random(seed + number))
                assert check(await play(Target(url=live.http), steps)) == []
