"""The doctor's words: what a check found, how bad it is, and what to do."""

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
    """All is well."""
    return Finding(name, "ok", found)


def warn(name: str, found: str, advice: str) -> Finding:
    """It works, but something will be missing."""
    return Finding(name, "warn", found, advice)


def fail(name: str, found: str, advice: str) -> Finding:
    """It will not work."""
    return Finding(name, "fail", found, advice)


def as_text(findings: list[Finding]) -> str:
    """For a person: a line a finding, with the advice below it."""
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
    """For a program."""
    well = all(finding.level != "fail" for finding in findings)
    return msgspec.json.format(msgspec.json.encode({"ok": well, "checks": findings}), indent=2).decode()
