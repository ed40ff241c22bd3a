"""Demo model: it shows each feature by plain words, and calls only offered tools."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.models.demo import DemoReply, count_tokens, reply_to
from agent.policy.effects import Effects
from agent.policy.policy import Policy, evaluate
from agent.sandbox.settings import SandboxSettings
from agent.tools import BashTool, ToolRouter, WorkspaceLimits, file_tools
from tests.support.executors import conversion
from tests.unit.agent.sandbox.commands import open_sandbox


def tool(name: str, *properties: str) -> dict[str, object]:
    parameters = {"type": "object", "properties": {one: {} for one in properties}}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [
    tool("plan", "items"),
    tool("read", "path"),
    tool("list"),
    tool("write", "path", "content"),
    tool("edit", "path", "old_string", "new_string"),
    tool("bash", "command", "timeout_s"),
]


def ask(text: str, tools: list[dict[str, object]] | None = None) -> DemoReply:
    return reply_to([{"role": "user", "content": text}], TOOLS if tools is None else tools)


def after(name: str, result: str) -> str:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}}
    messages: list[Mapping[str, object]] = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": result},
    ]
    reply = reply_to(messages, TOOLS)
    assert reply.calls == ()
    return reply.text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Please make a plan", ["plan"]),
        ("write something", ["write"]),
        ("edit it", ["edit"]),
        ("run something", ["bash"]),
        ("delete the file", ["bash"]),
        ("tidy up, please", ["bash"]),
        ("read it", ["read"]),
        ("list the files", ["list"]),
        ("do both", ["list", "write"]),
        ("two calls please", ["list", "write"]),
    ],
)
def test_a_word_calls_its_tool(text: str, names: list[str]) -> None:
    reply = ask(text)
    assert [name for name, _ in reply.calls] == names
    assert reply.text


@pytest.mark.parametrize("text", ["plan", "write", "edit", "read", "list", "both"])
def test_no_tool_is_called_that_was_not_offered(text: str) -> None:
    reply = ask(text, [])
    assert reply.calls == ()
    assert "no such tool" in reply.text
    assert all(name == "plan" for name, _ in ask(text, [tool("plan", "items")]).calls)


@pytest.mark.parametrize("text", ["run", "delete"])
def test_without_a_shell_the_answer_points_at_doctor(text: str) -> None:
    reply = ask(text, TOOLS[:-1])
    assert reply.calls == ()
    assert "no sandbox starts" in reply.text and "`holdfast doctor`" in reply.text


def test_arguments_fit_what_the_tool_takes() -> None:
    ((_, listed),) = ask("list").calls
    assert listed == {}
    ((_, planned),) = ask("plan").calls
    items = planned["items"]
    assert isinstance(items, list)
    assert {item["status"] for item in items} == {"completed", "in_progress", "pending"}


def test_a_file_and_quoted_arguments_are_accepted() -> None:
    ((_, arguments),) = ask('write "hello there" to notes/today.md').calls
    assert arguments == {"path": "notes/today.md", "content": "hello there"}


def test_thinking_comes_before_the_text() -> None:
    reply = ask("think about it")
    assert reply.reasoning
    assert reply.text


def test_a_long_answer_is_about_2000_words() -> None:
    assert 1500 < len(ask("a long one").text.split()) < 2600


def test_slow_is_slower_and_error_fails() -> None:
    assert ask("slow").pace > 5
    assert ask("error").fails


def test_a_greeting_lists_how_to_try_each_feature() -> None:
    text = ask("hi").text
    for word in ("plan", "run", "delete", "write", "edit", "read", "list", "both", "think", "long", "slow", "error"):
        assert f"**{word}**" in text


def test_results_rejections_and_failures_are_answered_in_text() -> None:
    assert "wrote 12 bytes" in after("write", "wrote 12 bytes")
    assert "better not" in after("write", "The user rejected this call. Feedback: better not")
    assert "didn't want" in after("write", "The user rejected this call. Feedback: better not")
    assert "failed" in after("read", "Error: no such file")


def test_a_compaction_gets_a_summary_whatever_the_conversation_says() -> None:
    messages: list[Mapping[str, object]] = [
        {"role": "system", "content": "You summarise a conversation between a user and an assistant."},
        {"role": "user", "content": "User: write a file\n\nAssistant: error"},
    ]
    reply = reply_to(messages, [])
    assert "Summary" in reply.text
    assert not reply.fails


def test_only_the_last_message_counts() -> None:
    assert ask("an error, long ago\n\nplan").calls[0][0] == "plan"


def test_tokens_grow_with_the_text() -> None:
    short, long = [{"role": "user", "content": "hi"}], [{"role": "user", "content": "hi " * 400}]
    assert 0 < count_tokens(short) < 50 < count_tokens(long)
    assert json.dumps(short)


async def test_the_demo_runs_writes_edits_and_deletes_real_files(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path) as inside:
        settings, limits = SandboxSettings(), WorkspaceLimits()
        router = ToolRouter(
            [*file_tools(inside.sandbox, limits, conversion()), BashTool(inside.sandbox, settings, frozenset())],
            timeout_s=60,
        )
        logged: list[str] = []

        async def log(text: str) -> None:
            logged.append(text)

        outputs = {}
        for word in ("write", "edit", "run", "read", "delete", "list"):
            ((name, arguments),) = reply_to([{"role": "user", "content": word}], router.specs()).calls
            result = await router.run(name, arguments, log)
            assert result.success, (word, result.output)
            outputs[word] = result.output
        assert outputs["read"].startswith("Edited by Holdfast's demo model.\nstep 1 of 5\n")
        assert len(logged) > 1, "its output came in one piece"
        assert outputs["list"] == "[the folder is empty]"


def test_deleting_commands_need_approval_by_the_default_policy() -> None:
    ((name, arguments),) = ask("delete").calls
    assert evaluate(Policy(), name, arguments, Effects("runs a command")).action == "ask"
    ((name, arguments),) = ask("run").calls
    assert evaluate(Policy(), name, arguments, Effects("runs a command")).action == "allow"
