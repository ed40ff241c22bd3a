"""Document of `holdfast prove`: its tables are the cases, and the faults that are planted to try it."""

from collections.abc import Sequence
from pathlib import Path

from clients.prove.acp.cases import CASES as OF_AGENTS
from clients.prove.ag_ui.cases import CASES as OF_ENDPOINTS
from clients.prove.cases import CASES, Case
from clients.prove.streams.cases import CASES as OF_STREAMS
from tests.faults.prove.ag_ui.test_ag_ui import PLANTED as IN_ENDPOINTS
from tests.faults.prove.planted import PLANTED

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "prove.md").read_text()


def cases_table(cases: Sequence[Case]) -> str:
    rows = [f"| `{one.name}` | {one.promise} | {'yes' if one.needs_command else ''} |" for one in cases]
    return "\n".join(["| case | what must hold | needs `--command` |", "| --- | --- | --- |", *rows])


def planted_table() -> str:
    rows = [f"| {one.what} | `{one.case}` |" for one in PLANTED]
    return "\n".join(["| the server | found by |", "| --- | --- |", *rows])


def planted_in_endpoints() -> str:
    what = [((fault.__doc__ or "").rstrip("."), case) for fault, case, _ in IN_ENDPOINTS]
    rows = [f"| {words[0].lower()}{words[1:]} | `{case}` |" for words, case in what]
    return "\n".join(["| the endpoint | found by |", "| --- | --- |", *rows])


def test_the_cases_are_in_the_document() -> None:
    assert cases_table(CASES) in TEXT
    assert cases_table(OF_STREAMS) in TEXT
    assert cases_table(OF_ENDPOINTS) in TEXT
    assert cases_table(OF_AGENTS) in TEXT


def test_the_planted_faults_are_in_the_document_and_are_thirty_or_more() -> None:
    assert planted_table() in TEXT
    assert planted_in_endpoints() in TEXT
    assert len(PLANTED) >= 30
