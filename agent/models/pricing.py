"""Model prices and limits: read from LiteLLM's table as plain data. Pure: no network."""

import re
from collections.abc import Mapping

from agent.models.types import TokenCounts

Table = Mapping[str, Mapping[str, object]]

_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


def entry(table: Table, model: str) -> Mapping[str, object] | None:
    """The model's row: under its name, or under its name without the provider's prefixes."""
    name = model
    while True:
        row = table.get(name)
        if row is not None:
            return row
        _, slash, name = name.partition("/")
        if not slash:
            return None


def context_limit(table: Table, model: str) -> int | None:
    """Tokens of context that the model takes; None if unknown."""
    row = entry(table, model) or {}
    return _positive(row.get("max_input_tokens")) or _positive(row.get("max_tokens"))


def max_output_tokens(table: Table, model: str) -> int | None:
    """Tokens that the model can write in one answer; None if unknown."""
    row = entry(table, model) or {}
    return _positive(row.get("max_output_tokens"))


def sees_images(table: Table, model: str) -> bool | None:
    """Whether the model takes images; None if it is unknown."""
    row = entry(table, model)
    return None if row is None else row.get("supports_vision") is True


def cost_usd(table: Table, model: str, tokens: TokenCounts) -> float | None:
    """The price of a call in US dollars; None if it is not certain."""
    row = _priced(table, model)
    if row is None:
        return None
    step = _step(row, tokens.input)
    price_in = _price(row, "input_cost_per_token", step)
    price_out = _price(row, "output_cost_per_token", step)
    if price_in is None or price_out is None:
        return None
    read, write = min(tokens.cache_read, tokens.input), min(tokens.cache_write, tokens.input)
    price_read = _price(row, "cache_read_input_token_cost", step)
    price_write = _price(row, "cache_creation_input_token_cost", step)
    return (
        max(0, tokens.input - read - write) * price_in
        + read * (price_in if price_read is None else price_read)
        + write * (price_in if price_write is None else price_write)
        + tokens.output * price_out
    )


def per_million(table: Table, model: str) -> tuple[float | None, float | None]:
    """US dollars for a million tokens in and out, at the lowest step; None where the price is not certain."""
    row = _priced(table, model) or {}
    both = (_price(row, "input_cost_per_token", ""), _price(row, "output_cost_per_token", ""))
    known_in, known_out = (None if price is None else round(price * 1_000_000, 6) for price in both)
    return known_in, known_out


def _priced(table: Table, model: str) -> Mapping[str, object] | None:
    """The row whose prices are this model's.

    A row found without the provider's prefix counts only if it is of that provider: another provider's model of the same
    name has another price.
    """
    row = table.get(model)
    if row is not None:
        return row
    provider, _, bare = model.partition("/")
    row = table.get(bare)
    return row if row is not None and row.get("litellm_provider") == provider else None


def _step(row: Mapping[str, object], input_tokens: int) -> str:
    """The suffix of the highest long-context price that this many input tokens reach."""
    steps = [int(match[1]) for key in row if (match := _ABOVE.fullmatch(key))]
    reached = [step for step in steps if input_tokens > step * 1000]
    return f"_above_{max(reached)}k_tokens" if reached else ""


def _price(row: Mapping[str, object], name: str, step: str) -> float | None:
    for key in (name + step, name):
        value = row.get(key)
        if isinstance(value, (int, float)):
            return float(value)
    return None


def _positive(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and value > 0 else None
