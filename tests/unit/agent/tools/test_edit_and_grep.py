"""`edit` and `grep`: called through the router, in a real folder."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from agent.policy.effects import Effects
from agent.sandbox.local.files import LocalFiles
from agent.tools import ToolResult, ToolRouter, Workspace, WorkspaceLimits, file_tools
from tests.support.constants import built_in
from tests.support.executors import conversion, disk, places
from tests.support.prepared_calls import complaint_of, effects_of


async def no_log(text: str) -> None:
    raise AssertionError(f"these tools have no live output: {text}")


def router_for(root: Path, **settings: float) -> ToolRouter:
    limits = WorkspaceLimits(**built_in("workspace", {"write_bytes_max": 10_000, "read_bytes_max": 20_000}))
    built_in("sandbox", settings)
    return ToolRouter(file_tools(LocalFiles(Workspace(root, limits), disk(), places()), limits, conversion()))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "one").mkdir()
    return tmp_path / "one"


async def edit(root: Path, old: str, new: str, **more: object) -> ToolResult:
    return await router_for(root).run("edit", {"path": "a.txt", "old_string": old, "new_string": new, **more}, no_log)


async def grep(root: Path, pattern: str, **more: object) -> ToolResult:
    return await router_for(root).run("grep", {"pattern": pattern, **more}, no_log)


# --------------------------------------------------------------------------------------------------------------- edit


async def test_an_edit_replaces_what_is_there_once_and_shows_the_difference(root: Path) -> None:
    (root / "a.txt").write_text("one\ntwo\nthree\nfour\n")
    result = await edit(root, "two", "2")
    assert result.output == (
        "edited a.txt in 1 place\n--- a.txt\n+++ a.txt\n@@ -1,4 +1,4 @@\n one\n-two\n+2\n three\n four"
    )
    assert [(change.path, change.line) for change in result.changes] == [("a.txt", 2)]
    assert (root / "a.txt").read_text() == "one\n2\nthree\nfour\n"


async def test_ambiguous_text_is_reported_with_its_lines(root: Path) -> None:
    (root / "a.txt").write_text("x = 1\ny\nx = 1\n")
    result = await edit(root, "x = 1", "x = 2")
    assert not result.success and "2 times, at lines 1, 3: add what is around" in result.output
    assert (root / "a.txt").read_text() == "x = 1\ny\nx = 1\n"
    assert (await edit(root, "x = 1", "x = 2", replace_all=True)).output.startswith("edited a.txt in 2 places\n")
    assert (root / "a.txt").read_text() == "x = 2\ny\nx = 2\n"


async def test_missing_text_is_reported_with_the_nearest_match(root: Path) -> None:
    (root / "a.txt").write_text("def f():\n    return 1\n")
    assert (await edit(root, "return  1", "x")).output == (
        "old_string is not in a.txt; read the file again, it may have been changed"
    )
    assert "its first line is at line 1, with other blanks" in (await edit(root, "def f():\n  return 1", "x")).output


@pytest.mark.parametrize("new", ["2\n3", "2\r\n3"])
async def test_line_endings_and_mode_are_kept(root: Path, new: str) -> None:
    (root / "a.txt").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    (root / "a.txt").chmod(0o750)
    assert (await edit(root, "one\ntwo", new)).success
    assert (root / "a.txt").read_bytes() == b"2\r\n3\r\nthree\r\n"
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == 0o750
    assert (await edit(root, "three", "3\n4")).success
    assert (root / "a.txt").read_bytes() == b"2\r\n3\r\n3\r\n4\r\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"x\0", "binary"),
        (b"x\xff", "not UTF-8 at byte 1"),
        (b"x" + b"y" * 30_000, "too large to be edited"),
        (b"x" + b"y" * 9_999, "10999 bytes are too many"),
    ],
)
async def test_a_file_that_cannot_be_edited_whole_is_left_alone(root: Path, data: bytes, why: str) -> None:
    (root / "a.txt").write_bytes(data)
    result = await edit(root, "x", "z" * 1_000)
    assert not result.success and why in result.output
    assert (root / "a.txt").read_bytes() == data


async def test_a_missing_or_linked_file_is_not_edited(root: Path, tmp_path: Path) -> None:
    assert (await edit(root, "x", "y")).output == "there is no a.txt in the workspace"
    (tmp_path / "secret").write_text("x")
    (root / "a.txt").symlink_to(tmp_path / "secret")
    assert "link" in (await edit(root, "x", "y")).output
    assert (tmp_path / "secret").read_text() == "x"


async def test_an_edit_without_change_or_outside_is_refused_without_an_approval(root: Path) -> None:
    router = router_for(root)
    same = complaint_of(router, "edit", {"path": "a", "old_string": "x", "new_string": "x"})
    assert same is not None and same.endswith("at `$.new_string`")
    out = complaint_of(router, "edit", {"path": "../a", "old_string": "x", "new_string": "y"})
    assert out is not None and out.endswith("at `$.path`")


async def test_edits_of_one_file_at_once_are_all_made(root: Path) -> None:
    (root / "a.txt").write_text("".join(f"<{number}>\n" for number in range(30)))
    router = router_for(root)
    results = await asyncio.gather(
        *(
            router.run("edit", {"path": "a.txt", "old_string": f"<{n}>", "new_string": f"[{n}]"}, no_log)
            for n in range(30)
        )
    )
    assert all(result.success for result in results)
    assert (root / "a.txt").read_text() == "".join(f"[{number}]\n" for number in range(30))


def test_an_edit_needs_no_approval_and_names_what_undo_keeps(root: Path) -> None:
    router = router_for(root)
    arguments: dict[str, object] = {"path": "a.txt", "old_string": "x", "new_string": "y"}
    assert effects_of(router, "edit", arguments) == Effects("edits a.txt in the session's workspace", path="a.txt")
    assert router.side_effects("edit") == "files edited"
    assert effects_of(router, "grep", {"pattern": "x"}) == Effects(path=".")
    assert router.side_effects("grep") is None


# --------------------------------------------------------------------------------------------------------------- grep


async def test_matches_have_a_path_and_a_line(root: Path) -> None:
    (root / "src").mkdir()
    (root / "src" / "a.py").write_text("import os\n\nos.getcwd()\n")
    (root / "b.txt").write_text("os\n")
    assert (await grep(root, r"\bos\b")).output == "b.txt:1:os\nsrc/a.py:1:import os\nsrc/a.py:3:os.getcwd()"
    assert (await grep(root, "os", glob="*.py", path="src")).output.startswith("src/a.py:1:")
    assert (await grep(root, "nowhere")) == ToolResult("[nothing found]", True)


async def test_an_invalid_regular_expression_is_refused_with_the_reason(root: Path) -> None:
    complaint = complaint_of(router_for(root), "grep", {"pattern": "a("})
    assert complaint is not None and "unterminated subpattern" in complaint and "$.pattern" in complaint
    assert complaint_of(router_for(root), "grep", {"pattern": "a(", "fixed": True}) is None


async def test_a_search_has_a_bound_on_matches_bytes_and_the_length_of_a_line(root: Path) -> None:
    (root / "a.txt").write_text("x\n" * 300 + "y" * 1_000 + "\n")
    many = await grep(root, "x")
    assert many.truncated and many.output.count("a.txt:") == 200 and "more matches than" in many.output
    assert len((await grep(root, "y")).output) < 400
    (root / "b.txt").write_text("z" * 100_000)
    router = router_for(root, search_bytes_max=65_536)
    assert "more text than one search looks at" in (await router.run("grep", {"pattern": "q"}, no_log)).output


async def test_links_binary_files_pipes_and_git_are_passed_over(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("found")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "binary").write_bytes(b"found\0")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("found")
    os.mkfifo(root / "pipe")
    assert (await grep(root, "found")).output == "[nothing found]"
    result = await grep(root, "found", path="folder")
    assert not result.success and str(tmp_path) not in result.output


async def test_a_name_cannot_forge_a_match(root: Path) -> None:
    (root / "a\nb.txt:1:forged").write_text("x\n")
    assert (await grep(root, "x")).output == "a\\x0ab.txt:1:forged:1:x"
    Path(os.fsdecode(bytes(root) + b"/caf\xe9")).write_text("y\n")
    assert (await grep(root, "y")).output == "caf\\xe9:1:y"


async def test_before_the_first_write_there_is_nothing_to_be_found(tmp_path: Path) -> None:
    assert (await grep(tmp_path / "never", "x")).output == "[nothing found]"
