"""Learned facts: what calls have shown of a model, for an hour: that it takes no tools or wants texts, and how much context it has. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

KEPT_S: Final = 3600.0
"""Seconds that a fact is believed. A server may be started again with other options; learning it again costs one request."""
MODELS_MAX: Final = 256
"""Models of which something is known; of more, those learned last. A client may name many models."""


class Facts(msgspec.Struct):
    """What is known of a model. `refused_at`: tokens, as a refusal of a longer conversation said; `listed`: as its server lists it."""

    until: float
    takes_no_tools: bool = False
    wants_texts: bool = False
    refused_at: int | None = None
    listed: int | None = None
    was_listed: bool = False


class Learned:
    """Facts by model. `clock`: seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._facts: OrderedDict[str, Facts] = OrderedDict()

    def of(self, model: str) -> Facts:
        """What is known of the model now; to change it, use `note`."""
        facts = self._facts.get(model)
        return facts if facts is not None and facts.until > self._clock() else Facts(0.0)

    def note(self, model: str) -> Facts:
        """The facts of a model, to be changed."""
        facts = self.of(model)
        facts.until = self._clock() + KEPT_S
        self._facts[model] = facts
        self._facts.move_to_end(model)
        while len(self._facts) > MODELS_MAX:
            self._facts.popitem(last=False)
        return facts

    def context_limit(self, model: str, configured: int, table: int | None, default: int) -> int:
        """Tokens that the model takes. `configured`: by the operator, 0 if not; `table`: as LiteLLM's table has it.

        What its own server lists is better than the table, which knows another server's model of this name. No limit is
        above that of a refusal.
        """
        facts = self.of(model)
        known = configured or facts.listed or table
        if facts.refused_at is None:
            return known or default
        return min(known, facts.refused_at) if known else facts.refused_at
