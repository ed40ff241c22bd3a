"""Sub-agent loop: calls the model, runs the read-only tools that it asks for, and repeats until there is a report."""

import asyncio
import time
from typing import Protocol

import msgspec

from agent.models import DeltaKind, ModelReply, ModelRequest, RawToolCall
from agent.models.tool_calls import MAX_ID_CHARS, Unreadable, read_arguments, sound_name
from agent.models.types import KeptState
from agent.tools.base import PreparedCall, SubagentContext, ToolLog
from agent.tools.research.settings import ResearchSettings
from agent.util.text import cut_middle, cut_to_tokens, estimate_text
from protocol.content import Step

Wire = dict[str, object]

SYSTEM = (
    "You do research for another assistant, which sees only your last message. Use your tools to read and search; they "
    "change nothing, and you cannot ask anybody. When you know enough, write your report without calling a tool: what you "
    "found, where (file names, addresses), and what you could not find. Be exact and short."
)
WRAP_UP = "Your budget is used up. Call no more tools: write your report now, with what you have found so far."
NO_REPORT = "(no report was written)"


MODEL_CALLS_MAX = 20
"""Model calls of one call of the tool; in the last it is told to report. `research.tokens_max` bounds what they cost."""

TOOL_CALLS_PER_MESSAGE_MAX = 8
"""Tool calls that run of one message: the sub-agent reads what it found before it goes on."""

OUTPUT_MAX_TOKENS = 4_000
"""How much its model gets of a tool's output: a third of what the session's own model gets, since it makes many calls."""

STEP_MAX_CHARS = 2_000
"""How much of its arguments and output the event of one call shows: enough for a person to follow."""


class ResearchTools(Protocol):
    """The tools that the sub-agent may call."""

    def specs(self) -> list[Wire]:
        """The tools as OpenAI function specs."""

    def prepare(self, name: str, arguments: dict[str, object]) -> PreparedCall | str:
        """The decoded call if it may run; else the reason why not, for the model."""


class ResearchRun:
    """One call of `research`. `last_text`: the newest text of the model."""

    def __init__(
        self, task: str, tools: ResearchTools, context: SubagentContext, log: ToolLog, settings: ResearchSettings
    ) -> None:
        self.last_text = ""
        self._messages: list[Wire] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": task}]
        self._tools = tools
        self._context = context
        self._log = log
        self._settings = settings
        self._tokens = 0
        self._reasoning = ""
        self._ids: set[str] = set()

    async def report(self) -> str:
        """Run the loop and return the report. Raises ModelError."""
        for number in range(1, MODEL_CALLS_MAX + 1):
            last = number == MODEL_CALLS_MAX or self._tokens >= self._settings.tokens_max
            if last:
                self._messages.append({"role": "user", "content": WRAP_UP})
            reply, text = await self._call_model()
            if last or not reply.tool_calls:
                break
            await self._run_calls(number, reply, text)
        return self.last_text or NO_REPORT

    async def _call_model(self) -> tuple[ModelReply, str]:
        """The model's next message and its text."""
        received = ""
        self._reasoning = ""

        async def sink(kind: DeltaKind, text: str) -> None:
            nonlocal received
            if kind == "reasoning":
                self._reasoning += text
            else:
                received += text
                self.last_text = received
                await self._log(text)

        request = ModelRequest(self._settings.model or self._context.model, self._messages, self._tools.specs())
        reply = await self._context.call_model(request, sink)
        if received:
            await self._log("\n")
        if reply.usage is not None:
            self._tokens += reply.usage.input_tokens + reply.usage.output_tokens
            self._context.report_usage(reply.usage)
        else:
            self._tokens += sum(estimate_text(str(message.get("content"))) for message in self._messages)
        return reply, received

    async def _run_calls(self, number: int, reply: ModelReply, text: str) -> None:
        """Run the calls of one message at the same time, and add their results to the messages in the order of the calls."""
        raw = reply.tool_calls
        ids = [self._id(call, f"{number}.{place}") for place, call in enumerate(raw, 1)]
        outputs = await asyncio.gather(
            *(
                self._run_call(call, f"{number}.{place}", place, reply.finish_reason == "length" and place == len(raw))
                for place, call in enumerate(raw, 1)
            )
        )
        tool_calls = [_tool_call(call, call_id) for call, call_id in zip(raw, ids, strict=True)]
        message: Wire = {"role": "assistant", "content": text or None, "tool_calls": tool_calls}
        if reply.provider_state:
            message["provider_state"] = KeptState(reply.provider_state, self._reasoning)
        self._messages.append(message)
        for call_id, output in zip(ids, outputs, strict=True):
            self._messages.append({"role": "tool", "tool_call_id": call_id, "content": output or "(no output)"})

    async def _run_call(self, raw: RawToolCall, step_id: str, place: int, cut_short: bool) -> str:
        name = sound_name(raw.name)
        try:
            arguments = read_arguments(raw.arguments, cut_short)
        except Unreadable as error:
            return f"Error: not run: {error}"
        shown = self._shown(arguments)
        self._context.report_step(Step(step_id, name, shown))
        began = time.monotonic()
        call = self._tools.prepare(name, arguments)
        if place > TOOL_CALLS_PER_MESSAGE_MAX:
            call = f"not run: more than {TOOL_CALLS_PER_MESSAGE_MAX} calls in one message"
        if isinstance(call, str):
            output, success = call, False
        else:
            result = await self._context.tools.execute(call, _ignore_log)
            output, success = result.output, result.success
        duration_ms = int((time.monotonic() - began) * 1_000)
        self._context.report_step(Step(step_id, name, shown, cut_middle(output, STEP_MAX_CHARS), success, duration_ms))
        return cut_to_tokens(output if success else f"Error: {output}", OUTPUT_MAX_TOKENS)

    def _shown(self, arguments: dict[str, object]) -> dict[str, object]:
        """The arguments for the step's event; as shortened text if they are too long."""
        text = msgspec.json.encode(arguments).decode()
        most = STEP_MAX_CHARS
        return arguments if len(text) <= most else {"(cut)": cut_middle(text, most)}

    def _id(self, raw: RawToolCall, fallback: str) -> str:
        sound = 0 < len(raw.id) <= MAX_ID_CHARS and raw.id not in self._ids
        call_id = raw.id if sound else f"call-{fallback}"
        self._ids.add(call_id)
        return call_id


def _tool_call(raw: RawToolCall, call_id: str) -> Wire:
    """The call as a part of the next request; without arguments that no provider would accept."""
    try:
        arguments = msgspec.json.encode(read_arguments(raw.arguments)).decode()
    except Unreadable:
        arguments = "{}"
    return {"id": call_id, "type": "function", "function": {"name": sound_name(raw.name), "arguments": arguments}}


async def _ignore_log(text: str) -> None:
    """A tool's live output is not shown: its result is shown when it ends."""
