"""Orders: what a test asks of the zygote: one server process, and its failpoints. Both sides use it."""

from typing import Any, Literal

import msgspec

When = Literal["before", "after"]
Act = Literal["kill", "stop"]


class Failpoint(msgspec.Struct, frozen=True):
    """At the `at`-th call (from 1) of an operation, before or after it, the process kills or stops itself.

    `call` is a key of `failpoints.POINTS`, or of `ON_POSTGRES`.
    """

    call: str
    at: int
    when: When = "before"
    act: Act = "kill"


class Hook(msgspec.Struct, frozen=True):
    """A function of the tests that the process calls before it serves: `package.module:function`, with `arguments`."""

    function: str
    arguments: dict[str, Any] = {}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One server process: the command line it is given, and what the tests change in it first."""

    argv: list[str]
    failpoints: list[Failpoint] = []
    hooks: list[Hook] = []
    environ: dict[str, str] = {}
    stdout: str
    stderr: str
    calls: str
    """Each operation adds a line with its name here when it begins."""


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of it: its process id, then its port once it listens, then its exit status as `waitpid` gives it."""

    pid: int | None = None
    port: int | None = None
    status: int | None = None
