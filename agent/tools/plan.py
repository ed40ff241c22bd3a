"""Plan tool: the model writes its plan and the status of each step; every client shows it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.tools.base import StructTool, ToolLog, ToolResult
from agent.workspace.settings import WorkspaceLimits
from protocol.content import PlanItem

PLAN_ITEMS_MAX = 50
"""Most items of a plan: a longer one is no plan that a person reads."""

PLAN_TEXT_CHARS_MAX = 500
"""Longest text of one plan item."""


class PlanStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of the plan in the arguments."""

    text: Annotated[str, Meta(min_length=1, description="What to do, in a few words.")]
    status: Annotated[Literal["pending", "in_progress", "completed"], Meta(description="The status of the item.")]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `plan`."""

    items: Annotated[list[PlanStep], Meta(description="The whole plan, in order; it replaces the previous one.")]


class PlanTool(StructTool[Plan]):
    """Replaces the session's plan."""

    name = "plan"
    description = (
        "Show the user your plan for a task of several steps, and keep it up to date: call this again with the "
        f"whole plan whenever a step begins or ends. At most {PLAN_ITEMS_MAX} items of "
        f"{PLAN_TEXT_CHARS_MAX} characters; an empty list clears the plan."
    )
    arguments = Plan

    def __init__(self, limits: WorkspaceLimits) -> None:
        self._limits = limits

    def validate(self, arguments: Plan) -> str | None:
        if len(arguments.items) > PLAN_ITEMS_MAX:
            return f"Expected at most {PLAN_ITEMS_MAX} items, got {len(arguments.items)} - at `$.items`"
        most = PLAN_TEXT_CHARS_MAX
        for index, item in enumerate(arguments.items):
            if len(item.text) > most:
                return f"Expected at most {most} characters, got {len(item.text)} - at `$.items[{index}].text`"
        return None

    async def execute(self, arguments: Plan, log: ToolLog) -> ToolResult:
        plan = tuple(PlanItem(item.text, item.status) for item in arguments.items)
        done = sum(item.status == "completed" for item in plan)
        output = f"The plan is shown: {done} of {len(plan)} items completed." if plan else "The plan is cleared."
        return ToolResult(output=output, success=True, plan=plan)
