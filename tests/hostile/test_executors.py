"""Hostile work that blocks: a disk or names that hang, searches and commands without number, of one user, delay nobody else."""

from pathlib import Path

import pytest

from tests.faults.harness.order import Hook
from tests.faults.process.process import Zygote
from tests.hostile.attacks.commands import calls_of_the_kernel
from tests.hostile.harness import under_attack

pytestmark = pytest.mark.timeout(180)

ATTACKS = "tests.hostile.attacks.executors"


async def test_a_disk_and_a_name_server_that_hang_for_one_user_delay_nobody_else(
    zygote: Zygote, tmp_path: Path
) -> None:
    hanging = [Hook("tests.hostile.hanging:hang")]
    async with under_attack(zygote, tmp_path, hooks=hanging, policy={"yolo_mode": True}) as beside:
        await beside.check(f"{ATTACKS}:fetches_of_a_silent_name")
        await beside.check(f"{ATTACKS}:listings_that_hang")


async def test_searches_and_commands_without_number_delay_nobody_else(zygote: Zygote, tmp_path: Path) -> None:
    async with under_attack(zygote, tmp_path, policy={"yolo_mode": True}) as beside:
        await beside.check(f"{ATTACKS}:searches_in_one_message")
        await beside.check(f"{ATTACKS}:commands_in_one_message")
        await beside.check(f"{ATTACKS}:commands_that_end_at_once")
        await beside.check(f"{calls_of_the_kernel.__module__}:calls_of_the_kernel")
        await beside.check(f"{ATTACKS}:turns_in_full_workspaces")
        await beside.check(f"{ATTACKS}:models_that_are_silent")
