"""Reports: results as lines for a terminal, as JSON, as JUnit's XML, and as one HTML page. Pure."""

from collections.abc import Sequence
from html import escape
from xml.etree import ElementTree

import msgspec

from clients.prove.runs import CaseResult, shown
from clients.prove.trace import KINDS, Closed, Denied, Done, Entry, Opened, Received, Sent, Waited

DATA_CHARS_MAX = 200
"""Characters of a frame that a report shows."""


class About(msgspec.Struct, frozen=True):
    """What a report is about. `server`: the name and version that `ready` gave; `made_at`: UTC, RFC 3339."""

    url: str
    server: str
    seed: int
    made_at: str
    version: str


def lines(results: Sequence[CaseResult]) -> list[str]:
    """The summary for a terminal."""
    width = max((len(result.name) for result in results), default=0)
    found = [f"{_mark(result):<8}{result.name:<{width}}  {_amount(result)}" for result in results]
    for result in results:
        if result.failure is not None:
            found += ["", *failure_lines(result)]
    broken = sum(result.failure is not None for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    held = len(results) - broken - skipped
    return [*found, "", f"{held} promises held, {broken} did not, {skipped} were not tried"]


def failure_lines(result: CaseResult) -> list[str]:
    """What did not hold, how to repeat it, the fewest steps, and what happened."""
    failure = result.failure
    assert failure is not None
    first = failure.violations[0]
    found = [f"{result.name}: {result.promise} - this did not hold"]
    found += [f"  {one.kind}: {one.message} ({one.client})" for one in failure.violations[:10]]
    found.append(f"  repeat it: --only {result.name} --seed {failure.seed} --rounds 1")
    found.append(f"  steps ({len(failure.steps)}):")
    found += [f"    {msgspec.json.encode(step).decode()}" for step in failure.steps]
    found.append(f"  what happened before `{first.kind}` was seen:")
    return [*found, *(f"    {entry_line(entry)}" for entry in shown(failure))]


def entry_line(entry: Entry) -> str:
    """An entry of a trace, in words."""
    match entry:
        case Opened():
            where = "a snapshot" if entry.after is None else f"what came after {entry.after}"
            return f"{entry.client} connected and asked for {where}"
        case Received():
            return f"{entry.client} < {_short(entry.data)}"
        case Sent():
            return f"{entry.client} > {_short(msgspec.json.encode(entry.submission).decode())}"
        case Closed():
            return f"{entry.client}: the connection ended ({'cut' if entry.code is None else entry.code})"
        case Denied():
            return f"{entry.client} was refused: {entry.message}"
        case Done():
            return f"-- {entry.what}"
        case Waited():
            return f"{entry.client} waited {entry.seconds:g} s for {entry.what}"


def as_json(about: About, results: Sequence[CaseResult]) -> bytes:
    """Everything, as JSON: `{"about", "results"}`."""
    return msgspec.json.format(msgspec.json.encode({"about": about, "results": list(results)}), indent=1)


def as_junit(about: About, results: Sequence[CaseResult]) -> bytes:
    """JUnit's XML: a test case for each case."""
    failures = sum(result.failure is not None for result in results)
    suite = ElementTree.Element(
        "testsuite", name=f"holdfast prove {about.url}", tests=str(len(results)), failures=str(failures)
    )
    for result in results:
        one = ElementTree.SubElement(
            suite, "testcase", classname="holdfast.prove", name=result.name, time=f"{result.seconds:.3f}"
        )
        if result.failure is not None:
            message = result.failure.violations[0].message
            ElementTree.SubElement(one, "failure", message=message).text = "\n".join(failure_lines(result))
        elif result.skipped:
            ElementTree.SubElement(one, "skipped", message=result.skipped)
    xml: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return xml


def as_html(about: About, results: Sequence[CaseResult]) -> str:
    """One page that needs nothing else."""
    rows = "".join(
        f"<tr class={_mark(result)}><td>{_mark(result)}<td>{escape(result.name)}<td>{escape(result.promise)}"
        f"<td>{escape(_amount(result))}"
        for result in results
    )
    details = "".join(
        f"<h2>{escape(result.name)}</h2><pre>{escape(chr(10).join(failure_lines(result)))}</pre>"
        for result in results
        if result.failure is not None
    )
    kinds = "".join(f"<dt>{kind}<dd>{escape(what)}" for kind, what in KINDS.items())
    facts = f"{about.server} at {about.url}; seed {about.seed}; made {about.made_at} by holdfast prove {about.version}"
    return _PAGE.format(facts=escape(facts), rows=rows, details=details, kinds=kinds)


def as_markdown(results: Sequence[CaseResult]) -> str:
    """The table of results for a document."""
    rows = [f"| `{result.name}` | {result.promise} | {_amount(result)} | {_mark(result)} |" for result in results]
    return "\n".join(["| case | what was promised | tried | |", "| --- | --- | --- | --- |", *rows])


def _mark(result: CaseResult) -> str:
    return "broken" if result.failure is not None else "skipped" if result.skipped else "held"


def _amount(result: CaseResult) -> str:
    return result.skipped or f"{result.runs} runs, {result.frames} frames"


def _short(text: str) -> str:
    return text if len(text) <= DATA_CHARS_MAX else f"{text[:DATA_CHARS_MAX]}… ({len(text)} characters)"


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>holdfast prove</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }}
table {{ border-collapse: collapse; width: 100%; }} td, th {{ padding: .4rem .6rem; border-bottom: 1px solid #ddd; text-align: left; }}
tr.held td:first-child {{ color: #0a6b2d; }} tr.broken td:first-child {{ color: #b00020; font-weight: bold; }}
tr.skipped {{ color: #666; }} pre {{ background: #f5f5f5; padding: 1rem; overflow-x: auto; font-size: 13px; }}
</style>
<h1>What was promised, and what held</h1>
<p>{facts}</p>
<table><tr><th><th>case<th>promise<th>tried</tr>{rows}</table>
{details}
<h2>Kinds of violations</h2><dl>{kinds}</dl>
</html>
"""
