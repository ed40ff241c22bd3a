"""`plan`: the tool that keeps the agent's plan."""

import pytest

from agent.tools import ToolResult, ToolRouter, WorkspaceLimits
from agent.tools.plan import PlanTool
from protocol.content import PlanItem
from tests.support.constants import built_in
from tests.support.prepared_calls import complaint_of


async def no_log(text: str) -> None:
    raise AssertionError(text)


def router(**limits: int) -> ToolRouter:
    return ToolRouter([PlanTool(WorkspaceLimits(**built_in("workspace", limits)))])


def items(*texts: str) -> dict[str, object]:
    return {"items": [{"text": text, "status": "pending"} for text in texts]}


async def test_a_plan_becomes_the_sessions_plan() -> None:
    arguments: dict[str, object] = {
        "items": [{"text": "look", "status": "completed"}, {"text": "leap", "status": "in_progress"}]
    }
    result = await router().run("plan", arguments, no_log)
    assert result == ToolResult(
        "The plan is shown: 1 of 2 items completed.",
        True,
        plan=(PlanItem("look", "completed"), PlanItem("leap", "in_progress")),
    )


async def test_an_empty_plan_clears_it() -> None:
    result = await router().run("plan", {"items": []}, no_log)
    assert result == ToolResult("The plan is cleared.", True, plan=())


async def test_a_plan_that_does_not_fit_changes_nothing() -> None:
    result = await router().run("plan", {"items": [{"text": "a", "status": "done"}]}, no_log)
    assert result.success is False
    assert result.plan is None
    assert "`$.items[0].status`" in result.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "missing required field `items`"),
        ({"items": "all"}, "Expected `array`, got `str` - at `$.items`"),
        ({"items": [{"text": "a"}]}, "missing required field `status` - at `$.items[0]`"),
        ({"items": [{"text": "", "status": "pending"}]}, "length >= 1 - at `$.items[0].text`"),
        ({"items": [{"text": "a", "status": "pending", "by": "me"}]}, "unknown field `by` - at `$.items[0]`"),
        (items("a", "b", "c"), "Expected at most 2 items, got 3 - at `$.items`"),
        (items("a", "123456"), "Expected at most 5 characters, got 6 - at `$.items[1].text`"),
    ],
)
def test_an_invalid_plan_is_refused_with_the_error_and_its_place(arguments: dict[str, object], expected: str) -> None:
    complaint = complaint_of(router(plan_items_max=2, plan_text_chars_max=5), "plan", arguments)
    assert complaint is not None
    assert expected in complaint
