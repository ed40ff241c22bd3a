"""Tool router: every call gets an answer, whatever its tool does."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import jsonschema
import msgspec
import pytest
from msgspec import Meta

from agent.policy.effects import Effects
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.probe import Bubblewrap
from agent.sandbox.local.sandbox import LocalSandbox
from agent.sandbox.settings import SandboxSettings
from agent.tools import (
    BashTool,
    PlanTool,
    PreparedCall,
    StructTool,
    ToolError,
    ToolLog,
    ToolResult,
    ToolRouter,
    Workspace,
    WorkspaceLimits,
    file_tools,
)
from agent.tools.base import parameters_of
from agent.util.tasks import TaskOwner
from tests.support.executors import conversion, disk, places
from tests.support.prepared_calls import complaint_of, effects_of


class CountWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=100_000, description="The text whose words are counted.")]


class CountWordsTool(StructTool[CountWords]):
    name = "count_words"
    description = "Count the words of a text."
    arguments = CountWords

    async def execute(self, arguments: CountWords, log: ToolLog) -> ToolResult:
        return ToolResult(output=str(len(arguments.text.split())), success=True)


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Acts(StructTool[Nothing]):
    """Does what it is given to do."""

    description = "Act."
    arguments = Nothing

    def __init__(
        self, act: "asyncio.Future[ToolResult] | Exception | ToolResult | None" = None, name: str = "act"
    ) -> None:
        self.name = name
        self.act = act

    async def execute(self, arguments: Nothing, log: ToolLog) -> ToolResult:
        if isinstance(self.act, Exception):
            raise self.act
        if isinstance(self.act, asyncio.Future):
            return await self.act
        return self.act or ToolResult("done", True)


class Forgets(Acts):
    """Cannot say what it would do."""

    def effects(self, arguments: Nothing) -> Effects:
        raise KeyError("host")


class BySchema:
    """A tool whose schema comes from elsewhere."""

    name = "by_schema"
    description = "Take what a JSON Schema says."
    parameters: dict[str, object] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    side_effects: str | None = None

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        fault = jsonschema.exceptions.best_match(
            jsonschema.Draft202012Validator(self.parameters).iter_errors(arguments)
        )
        if fault is not None:
            return f"{fault.message} - at `{fault.json_path}`"
        return PreparedCall(self, arguments, Effects("takes a number", frozenset({"network"})))

    async def execute(self, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        await log("one \ud83d\ude00 \ud800")
        return ToolResult(f"{arguments['n']} \ud83d\ude00 \ud800", True)


async def no_log(text: str) -> None:
    raise AssertionError(text)


def names(specs: Sequence[dict[str, object]]) -> list[str]:
    return [str(spec["function"]["name"]) for spec in specs if isinstance(spec["function"], dict)]


async def test_a_tool_is_ten_lines() -> None:
    router = ToolRouter([CountWordsTool()])
    assert router.specs() == [
        {
            "type": "function",
            "function": {
                "name": "count_words",
                "description": "Count the words of a text.",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "text": {
                            "type": "string",
                            "maxLength": 100_000,
                            "description": "The text whose words are counted.",
                        }
                    },
                    "required": ["text"],
                    "additionalProperties": False,
                },
            },
        }
    ]
    assert await router.run("count_words", {"text": "one two"}, no_log) == ToolResult("2", True)


async def test_specs_are_sorted_and_each_caller_has_its_own(tmp_path: "pytest.TempPathFactory") -> None:
    router = ToolRouter([Acts(name="b"), Acts(name="a"), Acts(name="c")])
    assert names(router.specs()) == ["a", "b", "c"]
    router.specs()[0].clear()
    assert names(router.specs()) == ["a", "b", "c"]


def test_the_built_in_schemas_are_json_schema_without_references(tmp_path: Path) -> None:
    limits, settings = WorkspaceLimits(), SandboxSettings()
    files = LocalFiles(Workspace(tmp_path, limits), disk(), places())
    program = Bubblewrap("/usr/bin/bwrap", "0.8.0", "system")
    shell = BashTool(
        LocalSandbox(Workspace(tmp_path, limits), disk(), places(), settings, "a test", program, ()),
        settings,
        frozenset(),
    )
    for tool in [PlanTool(limits), *file_tools(files, limits, conversion()), shell]:
        jsonschema.Draft202012Validator.check_schema(tool.parameters)
        assert b"$ref" not in msgspec.json.encode(tool.parameters)
        assert b"$defs" not in msgspec.json.encode(tool.parameters)


class Tree(msgspec.Struct):
    below: "list[Tree]"


def test_arguments_that_contain_themselves_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="Tree contains itself"):
        parameters_of(Tree)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two tools have the name 'a'"):
        ToolRouter([Acts(name="a"), Acts(name="b"), Acts(name="a")])


@pytest.mark.parametrize("name", ["", "a b", "a.b", "ä", "x" * 65])
def test_a_name_that_providers_refuse_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="providers accept"):
        ToolRouter([Acts(name=name)])


async def test_an_unknown_tool_is_answered_with_those_there_are() -> None:
    router = ToolRouter([Acts(name="b"), Acts(name="a")])
    complaint = "there is no tool 'c\\ud800'; the tools are: a, b"
    assert complaint_of(router, "c\ud800", {}) == complaint
    assert await router.run("c\ud800", {}, no_log) == ToolResult(complaint, False)
    assert router.side_effects("c") is None
    assert complaint_of(ToolRouter([]), "a", {}) == "there is no tool 'a'; the tools are: none"


async def test_a_tool_by_schema_is_checked_and_run() -> None:
    router = ToolRouter([BySchema()])
    logged: list[str] = []

    async def log(text: str) -> None:
        logged.append(text)

    assert complaint_of(router, "by_schema", {"n": 1}) is None
    complaint = complaint_of(router, "by_schema", {"n": "one"})
    assert complaint == "the arguments do not fit by_schema: 'one' is not of type 'integer' - at `$.n`"
    assert await router.run("by_schema", {"n": 1}, log) == ToolResult("1 \U0001f600 \ufffd", True)
    assert logged == ["one \U0001f600 \ufffd"]


async def test_invalid_arguments_are_not_run() -> None:
    result = await ToolRouter([BySchema()]).run("by_schema", {"n": "one"}, no_log)
    assert result.success is False
    assert "`$.n`" in result.output


def test_half_a_surrogate_pair_is_found_wherever_it_is() -> None:
    router = ToolRouter([BySchema()])
    for arguments, where in (
        ({"n": 1, "a": {"b": ["x", "\ud800"]}}, "$.a.b[1]"),
        ({"n": 1, "a": {"\udc00": 1}}, "$.a.\\udc00"),
    ):
        complaint = complaint_of(router, "by_schema", arguments)
        assert complaint is not None
        assert f"at `{where}`" in complaint


def test_arguments_nested_without_end_are_a_complaint() -> None:
    deep: dict[str, object] = {}
    for _ in range(10_000):
        deep = {"a": deep}
    complaint = complaint_of(ToolRouter([BySchema()]), "by_schema", {"n": 1, "a": deep})
    assert complaint is not None
    assert "nested too deeply" in complaint


def test_a_check_that_fails_is_a_complaint(caplog: pytest.LogCaptureFixture) -> None:
    tool = BySchema()
    tool.parameters = {"type": "nonsense"}
    complaint = complaint_of(ToolRouter([tool]), "by_schema", {})
    assert complaint is not None
    assert "UnknownType" in complaint
    assert "failed to validate" in caplog.text


def test_an_undecidable_call_needs_approval(caplog: pytest.LogCaptureFixture) -> None:
    assert effects_of(ToolRouter([BySchema()]), "by_schema", {"n": 1}).kinds == {"network"}
    assert effects_of(ToolRouter([Forgets()]), "act", {}) == Effects(
        "the effects of act could not be determined", frozenset({"external"})
    )
    assert "KeyError" in caplog.text


async def test_a_tool_that_raises_is_a_failed_result_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    result = await ToolRouter([Acts(LookupError("no such thing \ud800"))]).run("act", {}, no_log)
    assert result == ToolResult("LookupError: no such thing \ufffd", False)
    assert caplog.records[0].levelno == logging.WARNING
    assert caplog.records[0].exc_info is not None
    assert await ToolRouter([Acts(LookupError())]).run("act", {}, no_log) == ToolResult("LookupError", False)


async def test_a_tool_error_is_a_failed_result_with_its_message_and_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = await ToolRouter([Acts(ToolError("the shelf is empty"))]).run("act", {}, no_log)
    assert result == ToolResult("the shelf is empty", False)
    assert not caplog.records


async def test_a_tool_that_takes_too_long_is_stopped() -> None:
    forever: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
    result = await ToolRouter([Acts(forever)], timeout_s=0.01).run("act", {}, no_log)
    assert result.success is False
    assert result.output.startswith("stopped: not finished within 0.01 s")
    assert forever.cancelled()


async def test_a_timeout_raised_by_the_tool_is_its_own_error() -> None:
    result = await ToolRouter([Acts(TimeoutError("the far end is silent"))]).run("act", {}, no_log)
    assert result == ToolResult("TimeoutError: the far end is silent", False)


async def test_cancellation_passes(tasks: TaskOwner) -> None:
    forever: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
    call = tasks.start(ToolRouter([Acts(forever)]).run("act", {}, no_log), "call")
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert forever.cancelled()


async def test_an_unexpected_cancellation_is_a_failed_result() -> None:
    stray: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
    stray.cancel()
    result = await ToolRouter([Acts(stray)]).run("act", {}, no_log)
    assert result.success is False
    assert "CancelledError" in result.output


async def test_a_long_output_keeps_its_head_and_its_tail() -> None:
    output = "head" + "x" * 10_000 + "tail"
    result = await ToolRouter([Acts(ToolResult(output, True))], max_output_tokens=50).run("act", {}, no_log)
    assert result.truncated
    assert 150 <= len(result.output) <= 203
    assert result.output.startswith("headx")
    assert result.output.endswith("xtail")
    left_out = int(result.output.split("[... ")[1].split(" ")[0])
    kept = result.output.replace(f"\n[... {left_out} characters left out ...]\n", "")
    assert len(kept) + left_out == len(output)


async def test_closing_calls_every_closer_also_where_one_fails_or_hangs(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    async def fails() -> None:
        closed.append("fails")
        raise LookupError("gone")

    async def hangs() -> None:
        closed.append("hangs")
        await asyncio.get_running_loop().create_future()

    async def closes() -> None:
        closed.append("closes")

    router = ToolRouter([CountWordsTool()], closers=[fails, hangs, closes], close_timeout_s=0.01)
    await asyncio.wait_for(router.aclose(), 10)
    assert closed == ["fails", "hangs", "closes"]
    assert "fails failed" in caplog.text and "LookupError: gone" in caplog.text
    assert "hangs failed" in caplog.text and "closes failed" not in caplog.text
