"""`read`, `list`, `write`: called through the router, in a real folder."""

import asyncio
import os
import threading
from pathlib import Path

import msgspec
import pytest

from agent.policy.effects import Effects
from agent.sandbox.local.files import LocalFiles
from agent.tools import PlanTool, ToolResult, ToolRouter, WorkspaceLimits, file_tools
from agent.tools.files import WriteFileTool
from agent.util.tasks import TaskOwner
from agent.workspace.workspace import Workspace
from tests.support.constants import built_in
from tests.support.executors import conversion, disk, places
from tests.support.prepared_calls import complaint_of, effects_of


async def no_log(text: str) -> None:
    raise AssertionError(f"these tools have no live output: {text}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "one"


def router_for(root: Path, limits: WorkspaceLimits | None = None) -> ToolRouter:
    """The tools on this folder."""
    limits = limits or WorkspaceLimits()
    return ToolRouter(
        [PlanTool(limits), *file_tools(LocalFiles(Workspace(root, limits), disk(), places()), limits, conversion())]
    )


@pytest.fixture
def router(root: Path) -> ToolRouter:
    return router_for(root)


async def run(router: ToolRouter, name: str, **arguments: object) -> ToolResult:
    """The result, without what became of files: that has its own tests."""
    return msgspec.structs.replace(await router.run(name, arguments, no_log), changes=())


async def test_a_written_file_is_listed_and_read(router: ToolRouter, root: Path) -> None:
    assert await run(router, "write", path="notes/a.txt", content="grüße\n") == ToolResult(
        "wrote notes/a.txt (8 bytes)", True
    )
    assert await run(router, "write", path="notes/a.txt", content="x\n") == ToolResult(
        "replaced notes/a.txt (2 bytes)", True
    )
    assert await run(router, "list") == ToolResult("notes/", True)
    assert await run(router, "list", recursive=True) == ToolResult("notes/\nnotes/a.txt (2 bytes)", True)
    assert await run(router, "read", path="notes/a.txt") == ToolResult("x\n", True)
    assert (root / "notes" / "a.txt").read_text() == "x\n"


async def test_a_new_workspace_is_empty(router: ToolRouter, root: Path) -> None:
    assert await run(router, "list") == ToolResult("[the folder is empty]", True)
    assert await run(router, "read", path="a.txt") == ToolResult("there is no a.txt in the workspace", False)
    assert not root.exists()


async def test_a_long_file_is_read_in_pieces(router: ToolRouter, root: Path) -> None:
    root.mkdir()
    (root / "long.txt").write_text("".join(f"{line}\n" for line in range(1, 101)))
    result = await run(router, "read", path="long.txt", offset=10, limit=2)
    assert result == ToolResult("10\n11\n[lines 10-11 of 100; go on with offset=12]", True, truncated=True)
    past = await run(router, "read", path="long.txt", offset=101)
    assert past == ToolResult("long.txt has 100 lines; there is no line 101", False)


async def test_numbers_written_as_text_or_as_floats_are_numbers(router: ToolRouter, root: Path) -> None:
    root.mkdir()
    (root / "a.txt").write_text("1\n2\n3\n")
    assert (await run(router, "read", path="a.txt", offset="2", limit=1.0)).output.startswith("2\n[lines 2-2")


async def test_a_long_listing_notes_that_there_is_more(root: Path) -> None:
    router = router_for(root, WorkspaceLimits(**built_in("workspace", {"listed_max": 2})))
    for name in "abc":
        await run(router, "write", path=name, content="")
    result = await run(router, "list")
    assert result.truncated
    assert result.output.splitlines()[:2] == ["a (0 bytes)", "b (0 bytes)"]
    assert "the first 2 are shown" in result.output


async def test_a_listing_keeps_within_its_length(root: Path) -> None:
    router = router_for(root, WorkspaceLimits(**built_in("workspace", {"view_chars_max": 1000})))
    root.mkdir()
    for index in range(20):
        (root / f"{index:02}{'x' * 100}").touch()
    result = await run(router, "list")
    assert result.truncated
    assert "the first 8 are shown" in result.output


async def test_a_name_cannot_forge_a_line_of_a_listing(router: ToolRouter, root: Path) -> None:
    root.mkdir()
    (root / "a\nsecrets/").parent.mkdir(exist_ok=True)
    (root / "a\nb.txt (5 bytes)").touch()
    (root / os.fsdecode(b"caf\xe9")).touch()
    lines = (await run(router, "list")).output.splitlines()
    assert lines == ["a\\x0ab.txt (5 bytes) (0 bytes)", "caf\\xe9 (0 bytes)"]
    assert (await run(router, "read", path="caf\\xe9")).success


async def test_a_path_outside_of_the_workspace_is_refused_without_an_approval(router: ToolRouter) -> None:
    for path in ("../a", "/etc/passwd", "a/../../b", "a\0b", "x" * 300):
        for name, more in (("write", {"content": ""}), ("read", {}), ("list", {})):
            complaint = complaint_of(router, name, {"path": path, **more})
            assert complaint is not None
            assert complaint.endswith("at `$.path`"), complaint
            assert (await run(router, name, path=path, **more)).success is False


async def test_a_symbolic_link_is_refused_with_a_message(router: ToolRouter, root: Path, tmp_path: Path) -> None:
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    result = await run(router, "write", path="link/a.txt", content="x")
    assert result == ToolResult("link/a.txt leads through a link, at link; links are not followed", False)
    assert sorted(os.listdir(tmp_path)) == ["one"]


async def test_only_writing_needs_approval_and_cannot_be_undone(router: ToolRouter) -> None:
    write: dict[str, object] = {"path": "notes/ä.txt", "content": "grüße"}
    assert effects_of(router, "write", write) == Effects(
        "writes notes/ä.txt (7 bytes) in the session's workspace", path="notes/ä.txt"
    )
    assert router.side_effects("write") == "files written"
    free: list[tuple[str, dict[str, object]]] = [
        ("read", {"path": "a"}),
        ("list", {}),
        ("plan", {"items": []}),
    ]
    for name, arguments in free:
        assert not effects_of(router, name, arguments).kinds
        assert router.side_effects(name) is None


async def test_a_path_is_shown_without_deceiving_characters(router: ToolRouter) -> None:
    reason = effects_of(router, "write", {"path": "a' (0 bytes) \u202etxt", "content": "x"}).description
    assert reason == "writes 'a\\' (0 bytes) \\u202etxt' (1 bytes) in the session's workspace"


async def test_an_oversized_write_is_refused_without_an_approval(root: Path) -> None:
    router = router_for(root, WorkspaceLimits(**built_in("workspace", {"write_bytes_max": 5})))
    assert complaint_of(router, "write", {"path": "a", "content": "12345"}) is None
    complaint = complaint_of(router, "write", {"path": "a", "content": "gr\u00fc\u00df"})
    assert complaint == "the arguments do not fit write: Expected at most 5 bytes as UTF-8, got 6 - at `$.content`"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "missing required field `path`"),
        ({"path": "a"}, "missing required field `content`"),
        ({"path": "a", "content": 5}, "Expected `str`, got `int` - at `$.content`"),
        ({"path": "a", "content": None}, "Expected `str`, got `null` - at `$.content`"),
        ({"path": ["a"], "content": ""}, "Expected `str`, got `array` - at `$.path`"),
        ({"path": "", "content": ""}, "length >= 1 - at `$.path`"),
        ({"path": "a", "content": "", "mode": "w"}, "unknown field `mode`"),
        ({"path": "a", "content": "\ud800"}, "not valid Unicode - at `$.content`"),
    ],
)
async def test_invalid_arguments_are_refused_with_the_error_and_its_place(
    router: ToolRouter, arguments: dict[str, object], expected: str
) -> None:
    complaint = complaint_of(router, "write", arguments)
    assert complaint is not None
    assert complaint.startswith("the arguments do not fit write: ")
    assert expected in complaint


@pytest.mark.parametrize("offset", [0, -1, 1.5, "two", True, None, 10**30, float("nan")])
async def test_a_line_number_that_is_none_is_refused(router: ToolRouter, offset: object) -> None:
    complaint = complaint_of(router, "read", {"path": "a", "offset": offset})
    assert complaint is not None
    assert complaint.endswith("at `$.offset`")


async def test_a_write_cancelled_on_its_way_has_not_happened(root: Path, tasks: TaskOwner) -> None:
    begun, release = threading.Event(), threading.Event()

    class Slow(Workspace):
        """A disk that is slow before it writes."""

        def write(
            self, path: str, data: bytes, stop: threading.Event, *, most: int | None = None, fresh: bool = False
        ) -> bool:
            begun.set()
            release.wait(10)
            return super().write(path, data, stop)

    limits = WorkspaceLimits()
    router = ToolRouter([WriteFileTool(LocalFiles(Slow(root, limits), disk(), places()), limits, conversion())])
    write = tasks.start(run(router, "write", path="a/b.txt", content="x"), "write")
    await asyncio.to_thread(begun.wait, 10)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    release.set()
    await asyncio.wait_for(router.aclose(), 10)
    assert not root.exists()


async def test_many_writes_at_once_are_all_whole(router: ToolRouter, root: Path) -> None:
    results = await asyncio.gather(
        *(run(router, "write", path=f"d/{index % 5}.txt", content=f"{index}" * 1000) for index in range(40))
    )
    assert all(result.success for result in results)
    assert sorted(os.listdir(root / "d")) == [f"{index}.txt" for index in range(5)]
    for name in os.listdir(root / "d"):
        text = (root / "d" / name).read_text()
        assert text == text[: len(text) // 1000] * 1000
