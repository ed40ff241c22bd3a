"""Hub pricing: list prices by hardware flavor, and the cost of a job estimated from them."""

import functools
import math
from collections.abc import Mapping
from pathlib import Path

import msgspec

FLAVORS = Path(__file__).with_name("flavors.json")
"""US dollars an hour by flavor, as https://huggingface.co/docs/hub/jobs-pricing lists them."""


@functools.cache
def list_prices() -> Mapping[str, float]:
    """The prices that ship with Holdfast: US dollars an hour by flavor."""
    return msgspec.json.decode(FLAVORS.read_bytes(), type=dict[str, float])


def estimate_usd(flavor: str, seconds: float, own: Mapping[str, float]) -> float | None:
    """US dollars for `seconds` on that hardware, billed by the begun minute; None if its price is not known.

    `own`: the settings' prices, which replace the listed ones.
    """
    price = own.get(flavor, list_prices().get(flavor))
    return None if price is None else price * math.ceil(seconds / 60) / 60


def hardware(flavor: str) -> str:
    """`cpu` or `gpu`; an unknown flavor counts as `gpu`, the more expensive one."""
    return "cpu" if flavor.startswith("cpu-") else "gpu"
