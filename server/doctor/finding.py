"""Finding: what a check found, how bad it is, and what to do."""

from typing import Literal

import msgspec

Level = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One check. `fail`: the server will not start, or not do what it is set up for. `advice` is empty where all is well."""

    name: str
    level: Level
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Finding:
    """A finding without a problem."""
    return Finding(name, "ok", found)


def warn(name: str, found: str, advice: str) -> Finding:
    """A finding of something that works in part."""
    return Finding(name, "warn", found, advice)


def fail(name: str, found: str, advice: str) -> Finding:
    """A finding of something that does not work."""
    return Finding(name, "fail", found, advice)


def as_text(findings: list[Finding]) -> str:
    """The findings for people: a line each, with the advice below it."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<4}  {finding.name:<{width}}  {finding.found}")
        if finding.advice:
            lines.append(f"{'':<{width + 8}}-> {finding.advice}")
    bad = sum(finding.level == "fail" for finding in findings)
    warned = sum(finding.level == "warn" for finding in findings)
    return "\n".join([*lines, "", f"{len(findings)} checks: {bad} failed, {warned} warned"])


def as_json(findings: list[Finding]) -> str:
    """The findings as a JSON object: `ok`, `checks`."""
    well = all(finding.level != "fail" for finding in findings)
    return msgspec.json.format(msgspec.json.encode({"ok": well, "checks": findings}), indent=2).decode()
