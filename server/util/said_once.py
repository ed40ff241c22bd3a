"""Said once: keeps a log line that many requests could repeat to one for each value, of so many values."""

from typing import Final

VALUES_MAX: Final = 50
"""Values that are told apart. Clients choose them, so after so many nothing more is written."""


class SaidOnce:
    """The values that a line was written for."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def is_first(self, value: str) -> bool:
        """Whether the line is to be written for this value now: never again, and for no value beyond `VALUES_MAX`."""
        if value in self._said or len(self._said) >= VALUES_MAX:
            return False
        self._said.add(value)
        return True
