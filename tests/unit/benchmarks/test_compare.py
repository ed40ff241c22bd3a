"""Comparison of two builds: its command line, its arithmetic, its table, and a checkout of another commit."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from benchmarks import compare
from benchmarks.__main__ import main
from benchmarks.checkout import CheckoutError, checked_out, commit_of
from benchmarks.figures import ages, replay
from benchmarks.pairs import in_turn
from benchmarks.processes import this_build
from benchmarks.statistics import paired_ratio
from benchmarks.table import Comparison, comparison_table
from tests.faults.harness.lengths import in_the_long_form

ROW = Comparison(figure="CPU a token", unit="µs", pairs=[(8.0, 10.0), (9.0, 10.0), (30.0, 10.0)])


def test_ratio_is_the_median_of_the_pairs_ratios() -> None:
    assert paired_ratio([(1.0, 2.0), (6.0, 2.0), (2.0, 2.0)]) == 1.0
    assert ROW.ratio == 0.9


@pytest.mark.parametrize("pairs", [[], [(1.0, 0.0)], [(1.0, -1.0)]], ids=["no pairs", "zero", "negative"])
def test_pairs_without_a_ratio_are_an_error(pairs: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="no ratio"):
        paired_ratio(pairs)


@pytest.mark.parametrize(
    ("ratio_max", "bound"),
    [(None, ["", ""]), (1.03, ["ratio ≤ 1.03", "ok"]), (0.85, ["ratio ≤ 0.85", "OVER"])],
    ids=["no bound", "within", "over"],
)
def test_table_has_both_values_their_ratio_and_the_bound(ratio_max: float | None, bound: list[str]) -> None:
    head, rule, line = comparison_table([ROW], "v1 (abc1234)", ratio_max).splitlines()
    assert "v1 (abc1234)" in head and len(head) == len(rule) == len(line)
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells == ["CPU a token", "9 µs", "10 µs", "0.900", *bound]


def test_command_line_is_read() -> None:
    args = compare.parse(["v1", "--pairs", "2", "--ratio-max", "1.03"])
    assert (args.reference, args.pairs, args.ratio_max, args.ahead) == ("v1", 2, 1.03, False)
    assert compare.parse(["v1", "page", "startup"]).names == ["page", "startup"]


@pytest.mark.parametrize(
    "argv", [[], ["v1", "--pairs", "0"], ["v1", "speed"]], ids=["no commit", "no pairs", "an unknown figure"]
)
def test_wrong_command_line_measures_nothing(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["compare", *argv])
    assert left.value.code == 2


async def test_a_figure_that_fails_is_a_row_that_says_so_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(builds: compare.Builds, size: compare.Size) -> list[Comparison]:
        raise ExceptionGroup("several", [TimeoutError("no answer\nafter 9 s")])

    async def works(builds: compare.Builds, size: compare.Size) -> list[Comparison]:
        return [ROW, Comparison(figure="none", unit="KiB", pairs=[(1.0, -1.0)])]

    monkeypatch.setattr(compare, "FIGURES", {"fails": fails, "works": works})
    rows = await compare.measure((this_build(), this_build()), compare.Size(), ["fails", "works"])
    assert [row.fails(None) for row in rows] == [True, False, True] and rows[1].fails(0.85)
    _, _, failed, worked, _ = comparison_table(rows, "v1").splitlines()
    assert [cell.strip() for cell in failed.split("|")[1:-1]] == [
        "fails",
        "",
        "",
        "",
        "TimeoutError: no answer after 9 s",
        "FAILED",
    ]
    assert "0.900" in worked


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit, whose set-up makes an environment that holds a program `holdfast`."""
    folder = tmp_path / "repository"
    (folder / "scripts").mkdir(parents=True)
    (folder / "server").mkdir()
    (folder / "server" / "__init__.py").write_text("")
    (folder / "scripts" / "set_up.py").write_text(
        "import pathlib, sys\n"
        "programs = pathlib.Path('.venv/bin')\n"
        "programs.mkdir(parents=True)\n"
        "(programs / 'python').symlink_to(sys.executable)\n"
        "(programs / 'holdfast').write_text('#!/bin/sh')\n"
    )
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "First")
    return folder


def test_commit_is_checked_out_set_up_and_removed_again(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    with checked_out("main", repository) as build:
        assert build.title == f"main ({commit[:7]})"
        assert build.program == build.root / ".venv" / "bin" / "holdfast" and build.program.is_file()
        assert list((build.root / "server" / "__pycache__").glob("*.pyc"))
    assert not build.root.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_checkout_is_removed_when_its_set_up_fails(repository: Path) -> None:
    (repository / "scripts" / "set_up.py").write_text("raise SystemExit('no compiler')\n")
    git(repository, "commit", "--quiet", "--all", "-m", "Break the set-up")
    with pytest.raises(CheckoutError, match="no compiler"), checked_out("main", repository):
        pass
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_a_missing_commit_is_named(repository: Path) -> None:
    with pytest.raises(CheckoutError, match="no commit 'v9'"):
        commit_of("v9", repository)


def test_commit_without_a_set_up_is_an_error(repository: Path) -> None:
    git(repository, "rm", "--quiet", "scripts/set_up.py")
    git(repository, "commit", "--quiet", "-m", "Remove the set-up")
    with pytest.raises(CheckoutError, match=r"has no scripts/set_up\.py"), checked_out("main", repository):
        pass


async def test_both_are_measured_in_turn_and_begin_in_turn_after_a_pair_that_warms_up() -> None:
    measured: list[str] = []

    async def measure_one(name: str) -> tuple[str, int]:
        measured.append(name)
        return name, len(measured)

    assert await in_turn(("A", "B"), measure_one, 2) == [(("A", 4), ("B", 3)), (("A", 5), ("B", 6))]
    assert measured == ["A", "B", "B", "A", "A", "B"]
    assert await in_turn(("A", "B"), measure_one, 1, warm_up=False) == [(("A", 7), ("B", 8))]


@in_the_long_form
@pytest.mark.timeout(180)
async def test_servers_of_two_builds_are_measured() -> None:
    """Very little of it, with this checkout as both builds."""
    builds = (this_build(), this_build())
    size = compare.Size(pairs=1, live=ages.Size(sessions=2, tokens=5, every_ms=1), page_tokens=400)
    size = msgspec.structs.replace(size, resumes=replay.Resumes(turns=2, current=2, late=2))
    cpu_s, elapsed_s = await compare.measure_starts(builds, size)
    assert 0 < cpu_s.pairs[0][0] < elapsed_s.pairs[0][0]
    for row in await compare.measure(builds, size, ["live", "resumes", "page"]):
        assert not row.fault and len(row.pairs) == 1 and row.ratio > 0
