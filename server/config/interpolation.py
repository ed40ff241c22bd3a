"""Environment variable interpolation: replaces `${VAR}` and `${VAR:-default}` in a text by values of the environment."""

import re
from collections.abc import Callable, Mapping

MAX_DEPTH = 64
"""How deep a config file and its nested defaults may go."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InterpolationError(ValueError):
    """A variable that cannot be replaced. The message says which and why."""


def interpolate(text: str, environ: Mapping[str, str], used: Callable[[str], None] = lambda name: None) -> str:
    """`text` with its variables replaced.

    VAR in `${VAR}` must be set. `${VAR:-default}` is the default if VAR is unset or empty; a default may contain variables.
    `$${` is a plain `${`. A variable's value is used as it is. `used` is called with the name of each variable whose value
    was used. Raises `InterpolationError`.
    """
    return _Interpolator(text, environ, used).run()


class _Interpolator:
    def __init__(self, text: str, environ: Mapping[str, str], used: Callable[[str], None]) -> None:
        self._text = text
        self._environ = environ
        self._used = used
        self._at = 0

    def run(self) -> str:
        return self._until_end(depth=0, wanted=True)

    def _until_end(self, depth: int, wanted: bool) -> str:
        """Read up to the end, or inside a default up to its `}`. `wanted` is false for a default that is not used."""
        parts: list[str] = []
        while self._at < len(self._text):
            if self._text.startswith("$${", self._at):
                parts.append("${")
                self._at += 3
            elif self._text.startswith("${", self._at):
                parts.append(self._variable(depth + 1, wanted))
            elif depth and self._text[self._at] == "}":
                return "".join(parts)
            else:
                parts.append(self._text[self._at])
                self._at += 1
        if depth:
            raise InterpolationError("a `${` has no closing `}`; write `$${` for a plain `${`")
        return "".join(parts)

    def _variable(self, depth: int, wanted: bool) -> str:
        if depth > MAX_DEPTH:
            raise InterpolationError(f"variables are nested deeper than {MAX_DEPTH}")
        found = _NAME.match(self._text, self._at + 2)
        if found is None:
            raise InterpolationError("`${` must be followed by the name of a variable; write `$${` for a plain `${`")
        name, self._at = found[0], found.end()
        value = self._environ.get(name)
        default = None
        if self._text.startswith(":-", self._at):
            self._at += 2
            default = self._until_end(depth, wanted=wanted and not value)
        if not self._text.startswith("}", self._at):
            raise InterpolationError(f"`${{{name}` must go on with `}}` or `:-default}}`")
        self._at += 1
        if value or (value is not None and default is None):
            if wanted:
                self._used(name)
            return value
        if default is not None:
            return default
        if not wanted:
            return ""
        raise InterpolationError(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
