"""Benchmark table: its rows, the stored results, and the command line."""

from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.__main__ import KEPT, main
from benchmarks.figures import FIGURES
from benchmarks.processes import ROOT
from benchmarks.table import BEGINS, ENDS, Row, keep, markdown, number


def test_a_row_stands_beside_its_floor_and_its_bound() -> None:
    row = Row(
        figure="cost", ours=20.0, unit="µs", floor=16.0, floor_is="bare", ratio=1.25, bound="ratio ≤ 1.25", within=True
    )
    head, rule, line = markdown([row]).splitlines()
    assert [cell.strip() for cell in line.split("|")[1:-1]] == [
        "cost",
        "20 µs",
        "16 µs (bare)",
        "1.25",
        "ratio ≤ 1.25",
        "ok",
    ]
    assert len(head) == len(rule) == len(line)


@pytest.mark.parametrize(("within", "verdict"), [(True, "ok"), (False, "OVER"), (None, "")])
def test_a_bound_that_is_passed_is_seen(within: bool | None, verdict: str) -> None:
    assert Row(figure="x", ours=1, unit="", within=within).verdict == verdict


def test_a_figure_that_fails_is_a_row_that_says_so_and_the_others_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails() -> list[Row]:
        raise ValueError("no browser | here")

    async def works() -> list[Row]:
        return [Row(figure="cost", ours=20.0, unit="µs", bound="≤ 30", within=True)]

    monkeypatch.setattr("benchmarks.__main__.FIGURES", {"fails": fails, "works": works})
    assert main(["fails", "works"]) == 1
    printed = capsys.readouterr()
    _, _, failed, worked = printed.out.splitlines()
    assert [cell.strip() for cell in failed.split("|")[1:-1]] == [
        "fails",
        "",
        "",
        "",
        "ValueError: no browser / here",
        "FAILED",
    ]
    assert "20 µs" in worked and "Traceback" in printed.err
    assert main(["works"]) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (3, "3"), (12_500, "12,500"), (0.4567, "0.46"), (12.34, "12.3"), (1234.5, "1,234"), (-0.5, "-0.50")],
)
def test_numbers_are_as_long_as_they_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_the_last_run_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGINS}\nold\n{ENDS}\nafter\n", "utf-8")
    keep(path, "new")
    keep(path, "newer")
    assert path.read_text("utf-8") == f"before\n{BEGINS}\n\nnewer\n\n{ENDS}\nafter\n"


def test_a_file_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("mine\n", "utf-8")
    with pytest.raises(ValueError, match="marks"):
        keep(path, "new")
    assert path.read_text("utf-8") == "mine\n"


def test_stored_results_describe_each_figure_without_machine_paths() -> None:
    kept = KEPT.read_text("utf-8")
    assert BEGINS in kept and ENDS in kept
    assert all(f"`{name}`" in kept for name in FIGURES)
    assert str(ROOT) not in kept and str(Path.home()) not in kept


def test_the_machine_is_described_without_its_paths() -> None:
    described = machine.describe()
    assert "cores" in described and "litellm" in described
    assert str(ROOT) not in described


@pytest.mark.parametrize("argv", [["speed"], ["cpu", "--write"]], ids=["an unknown figure", "a part cannot be kept"])
def test_a_wrong_command_line_measures_nothing(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2
