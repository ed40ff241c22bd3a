"""Lengths: how long the fault tests run: short in `make test`, long in `make faults`."""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

import pytest

Case = TypeVar("Case")

LONG = os.environ.get("HOLDFAST_FAULTS") == "long"
"""Whether this is the long form."""
in_the_long_form = pytest.mark.skipif(not LONG, reason="the long form only: make faults")
"""For a test that takes long, beside others of its kind that the short form has."""


def length(short: int, long: int) -> int:
    """One number for the short form, one for the long."""
    return long if LONG else short


def few(cases: Sequence[Case], every: int = 3) -> Sequence[Case]:
    """All cases in the long form; the first and each `every`-th after it in the short one."""
    return cases[:: length(every, 1)]


def fresh_seed() -> int:
    """The seed of this run: `HOLDFAST_FAULTS_SEED`, to see a failure again, or a new one."""
    given = os.environ.get("HOLDFAST_FAULTS_SEED")
    return int(given) if given else random.SystemRandom().randrange(2**32)
