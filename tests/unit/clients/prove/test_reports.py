"""Reports: each form has every case, what failed with its steps, and how to repeat it."""

from xml.etree import ElementTree

import msgspec

from clients.prove import reports
from clients.prove.checker import check
from clients.prove.runs import CaseResult, Failure
from clients.prove.steps import Cut, Open, Say
from tests.unit.clients.prove.test_checker import doubled
from tests.unit.clients.prove.traces import good

TRACE = doubled(good())
FAILURE = Failure(41, check(TRACE), [Open("one"), Say("one", "say-1", "<b>"), Cut("reset")], TRACE)
RESULTS = [
    CaseResult("cut_by_reset", "loses nothing", runs=3, frames=120, seconds=1.5),
    CaseResult("cut_often", "a text is whole", runs=1, frames=9, seconds=0.25, failure=FAILURE),
    CaseResult("killed", "comes back", skipped="it needs --command"),
]
ABOUT = reports.About("http://127.0.0.1:7860", "holdfast/1", 41, "2026-01-01T00:00:00+00:00", "1.0")


def test_the_summary_has_each_case_and_how_to_repeat_what_failed() -> None:
    lines = reports.lines(RESULTS)
    assert lines[0].split() == ["held", "cut_by_reset", "3", "runs,", "120", "frames"]
    assert "  repeat it: --only cut_often --seed 41 --rounds 1" in lines
    assert lines[-1] == "1 promises held, 1 did not, 1 were not tried"
    assert any("2 to 2 came after 2" in line for line in lines)


def test_the_json_has_the_steps_and_the_trace() -> None:
    read = msgspec.json.decode(reports.as_json(ABOUT, RESULTS))
    failure = read["results"][1]["failure"]
    assert failure["steps"][2] == {"type": "cut", "way": "reset"}
    assert len(failure["trace"]) == len(TRACE)
    assert read["about"]["seed"] == 41


def test_junit_counts_failures_and_names_what_was_skipped() -> None:
    suite = ElementTree.fromstring(reports.as_junit(ABOUT, RESULTS))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [one.get("name") for one in suite] == ["cut_by_reset", "cut_often", "killed"]
    skipped = suite[2].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "it needs --command"


def test_the_page_shows_frames_as_text() -> None:
    page = reports.as_html(ABOUT, RESULTS)
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert page.count("<tr class=") == 3


def test_the_table_has_a_row_for_each_case() -> None:
    assert reports.as_markdown(RESULTS).count("\n| `") == 3
