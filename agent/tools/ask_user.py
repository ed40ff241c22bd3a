"""Ask tool: the model asks the user a question, with a form; any client may answer it."""

import asyncio
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.tools.base import CALL_ASKER, StructTool, ToolLog, ToolResult
from protocol.content import QuestionField, QuestionOption

ASKER = "the agent"
FIELDS_MAX = 12
OPTIONS_MAX = 24
WAIT_PART = 0.95
"""The part of a call's time limit for which an answer is waited for: then the model is told that nobody answered."""

FieldName = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$", description="Name of the value in the answer.")]


class AskedField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field of the form in the arguments."""

    name: FieldName
    kind: Annotated[
        Literal["text", "number", "integer", "boolean", "choice", "choices"],
        Meta(description="What is asked for; `choice` is one of `options`, `choices` any of them."),
    ] = "text"
    label: Annotated[str, Meta(max_length=300, description="What the user reads beside it.")] = ""
    required: bool = False
    options: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=300)]],
        Meta(max_length=OPTIONS_MAX, description="For `choice` and `choices`: what may be chosen."),
    ] = []


class AskUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `ask_user`."""

    question: Annotated[str, Meta(min_length=1, max_length=4_000, description="The question, in plain words.")]
    fields: Annotated[
        list[AskedField], Meta(max_length=FIELDS_MAX, description="The form; empty: one field for a text, `answer`.")
    ] = []


class AskUserTool(StructTool[AskUser]):
    """`ask_user`: asks, waits for the answer, and gives it to the model as JSON. `timeout_s`: how long a call may take."""

    name = "ask_user"
    description = (
        "Ask the user a question that only they can answer, and wait for the answer. Ask for what you cannot find out "
        "yourself, and all of it at once. The answer is a JSON object of the fields' values; the user may decline."
    )
    arguments = AskUser

    def __init__(self, timeout_s: float) -> None:
        self._wait_s = timeout_s * WAIT_PART

    def validate(self, arguments: AskUser) -> str | None:
        names = [field.name for field in arguments.fields]
        if len(set(names)) < len(names):
            return "Expected fields of different names - at `$.fields`"
        for place, field in enumerate(arguments.fields):
            if field.kind in ("choice", "choices") and not field.options:
                return f"Expected at least one option for the kind {field.kind} - at `$.fields[{place}].options`"
            if len(set(field.options)) < len(field.options):
                return f"Expected options that differ - at `$.fields[{place}].options`"
        return None

    async def execute(self, arguments: AskUser, log: ToolLog) -> ToolResult:
        asker = CALL_ASKER.get()
        if asker is None:
            return ToolResult(output="nobody can be asked here; decide yourself, or say what is missing", success=False)
        fields = [_field(field) for field in arguments.fields] or [QuestionField("answer", "text", required=True)]
        try:
            async with asyncio.timeout(self._wait_s):
                answer = await asker.ask_user(ASKER, "form", arguments.question, fields)
        except TimeoutError:
            output = f"the user did not answer within {self._wait_s:g} s; go on without, or ask again later"
            return ToolResult(output=output, success=False)
        if answer.action != "accept":
            said = "declined to answer" if answer.action == "decline" else "closed the question without an answer"
            return ToolResult(output=f"the user {said}", success=False)
        return ToolResult(output=msgspec.json.encode(dict(answer.content)).decode(), success=True)


def _field(asked: AskedField) -> QuestionField:
    options = [QuestionOption(option, option) for option in asked.options]
    return QuestionField(asked.name, asked.kind, asked.label or asked.name, required=asked.required, options=options)
