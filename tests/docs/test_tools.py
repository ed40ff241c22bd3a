"""Tools document: its tables and examples are those of the code."""

import json
import re
from typing import Any

import jsonschema
import msgspec

from agent.policy.effects import Effects
from agent.policy.policy import Policy, evaluate
from agent.policy.settings import PolicySettings
from agent.tools import ToolRouter
from protocol.spec.markdown import fill
from server.cli import generate
from tests.support.paths import ROOT
from tests.support.prepared_calls import complaint_of, effects_of

PAGE = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    """The page's code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_tables_are_up_to_date() -> None:
    assert fill(PAGE, generate.tool_tables()) == PAGE, f"docs/tools.md is out of date: run `{generate.MEND}`"


def test_the_policy_example_works_as_documented() -> None:
    policy = msgspec.convert(json.loads(examples("json")[0])["policy"], PolicySettings).policy()
    upload = Effects("", frozenset({"upload"}), "upload")

    def verdict(tool: str, effects: Effects, **arguments: str) -> tuple[str, str | None]:
        found = evaluate(policy, tool, arguments, effects)
        return found.action, found.grant

    assert verdict("hf_repo", Effects("", frozenset({"delete"}), "delete_file")) == ("deny", None)
    assert verdict("hf_repo", upload, repo="my-org/drafts-1") == ("allow", None)
    assert verdict("hf_repo", upload, repo="other/drafts-1") == ("ask", None)
    assert verdict("bash", Effects(), command="make deploy") == ("ask", "bash")
    assert verdict("bash", Effects(), command="redeployed") == ("allow", None)
    assert verdict("web_fetch", Effects("", frozenset({"network"})), url="https://docs.python.org/3/")[0] == "allow"
    assert verdict("web_fetch", Effects("", frozenset({"network"})), url="https://docs.python.org.example/") == (
        "ask",
        "web_fetch",
    )


def test_every_setting_of_the_policy_is_explained() -> None:
    for field in PolicySettings.__struct_fields__:
        assert f"policy.{field}" in PAGE


def followed() -> ToolRouter:
    """A router with the tools of the page, made by its code as it stands there."""
    made: dict[str, Any] = {}
    for code in examples("python"):
        exec(compile(code, "docs/tools.md", "exec"), made)
    return ToolRouter([made["CountWordsTool"](), made["OrderTool"]()])


async def logged(parts: list[str], text: str) -> None:
    parts.append(text)


async def test_a_tool_added_as_documented_is_offered_validated_and_run() -> None:
    router = followed()
    spec = next(spec["function"] for spec in router.specs() if "count_words" in str(spec))
    assert isinstance(spec, dict)
    jsonschema.validate({"text": "a b"}, spec["parameters"])
    assert spec["parameters"]["required"] == ["text"]
    complaint = complaint_of(router, "count_words", {"text": 1})
    assert complaint is not None
    assert complaint.endswith("Expected `str`, got `int` - at `$.text`")
    log: list[str] = []
    result = await router.run("count_words", {"text": "night owls fly"}, lambda text: logged(log, text))
    assert (result.output, result.success) == ("3", True)
    assert (
        evaluate(Policy(), "count_words", {"text": ""}, effects_of(router, "count_words", {"text": ""})).action
        == "allow"
    )


async def test_a_tool_with_effects_is_approved_and_accounted_as_documented() -> None:
    router, log = followed(), list[str]()
    verdict = evaluate(Policy(), "order", {"boxes": 2}, effects_of(router, "order", {"boxes": 2}))
    assert (verdict.action, verdict.reason, verdict.grant) == ("ask", "orders 2 boxes of owl food", "order")
    dear = evaluate(
        Policy(yolo_mode=True, spending_limit_usd=20.0), "order", {}, effects_of(router, "order", {"boxes": 2})
    )
    assert "about $25.00" in dear.reason
    result = await router.run("order", {"boxes": 2}, lambda text: logged(log, text))
    assert (result.cost_usd, log) == (22.0, ["ordering ...\n"])
    assert router.side_effects("order") == "orders placed"


def test_a_tool_takes_ten_lines() -> None:
    lines = [line for line in examples("python")[0].splitlines() if line and not line.startswith(("import", "from"))]
    assert len(lines) <= 10
