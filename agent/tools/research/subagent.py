"""The sub-agent's loop: model -> tools that read -> results -> model, within its bounds, until there is a report."""

import asyncio
import time
from typing import Protocol

import msgspec

from agent.models import DeltaKind, ModelReply, ModelRequest, RawToolCall
from agent.models.tool_calls import MAX_ID_CHARS, Unreadable, read_arguments, sound_name
from agent.tools.base import Desk, PreparedCall, ToolLog
from agent.tools.research.settings import ResearchSettings
from agent.util.text import cut_middle, cut_to_tokens, estimate_text
from protocol.content import Step

Wire = dict[str, object]

SYSTEM = (
    "You find things out for another assistant, which sees nothing but your last message. Use your tools to read and "
    "search; they change nothing, and nobody can be asked. When you know enough, write your report without calling a tool: "
    "what you found, where (names of files, addresses), and what you could not find. Be exact and short."
)
WRAP_UP = "You have used up what you had. Call no more tools: write your report now, of what you found so far."
NO_REPORT = "(it found nothing to say)"


class Reading(Protocol):
    """What the sub-agent may call."""

    def specs(self) -> list[Wire]:
        """The tools it is offered."""

    def prepare(self, name: str, arguments: dict[str, object]) -> PreparedCall | str:
        """The call, if it may run; else why it is not run."""


class Work:
    """One task. `said` is the newest text of the model."""

    def __init__(self, task: str, reading: Reading, desk: Desk, log: ToolLog, settings: ResearchSettings) -> None:
        self.said = ""
        self._messages: list[Wire] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": task}]
        self._reading = reading
        self._desk = desk
        self._log = log
        self._settings = settings
        self._tokens = 0
        self._ids: set[str] = set()

    async def report(self) -> str:
        """Work until there is one. Raises ModelError."""
        for number in range(1, self._settings.model_calls_max + 1):
            last = number == self._settings.model_calls_max or self._tokens >= self._settings.tokens_max
            if last:
                self._messages.append({"role": "user", "content": WRAP_UP})
            reply, text = await self._ask()
            if last or not reply.tool_calls:
                break
            await self._call(number, reply, text)
        return self.said or NO_REPORT

    async def _ask(self) -> tuple[ModelReply, str]:
        """The model's next message, and its text."""
        heard = ""

        async def sink(kind: DeltaKind, text: str) -> None:
            nonlocal heard
            if kind == "text":
                heard += text
                self.said = heard
                await self._log(text)

        request = ModelRequest(self._settings.model or self._desk.model, self._messages, self._reading.specs())
        reply = await self._desk.ask(request, sink)
        if heard:
            await self._log("\n")
        if reply.usage is not None:
            self._tokens += reply.usage.input_tokens + reply.usage.output_tokens
            self._desk.spent(reply.usage)
        else:
            self._tokens += sum(estimate_text(str(message.get("content"))) for message in self._messages)
        return reply, heard

    async def _call(self, number: int, reply: ModelReply, text: str) -> None:
        """The calls of one message, side by side; each has its result in the history, in the order of the calls."""
        raw = reply.tool_calls
        ids = [self._id(call, f"{number}.{place}") for place, call in enumerate(raw, 1)]
        outputs = await asyncio.gather(
            *(
                self._one(call, f"{number}.{place}", place, reply.finish_reason == "length" and place == len(raw))
                for place, call in enumerate(raw, 1)
            )
        )
        asked = [_asked(call, call_id) for call, call_id in zip(raw, ids, strict=True)]
        self._messages.append({"role": "assistant", "content": text or None, "tool_calls": asked})
        for call_id, output in zip(ids, outputs, strict=True):
            self._messages.append({"role": "tool", "tool_call_id": call_id, "content": output or "(no output)"})

    async def _one(self, raw: RawToolCall, step_id: str, place: int, cut_short: bool) -> str:
        name, settings = sound_name(raw.name), self._settings
        try:
            arguments = read_arguments(raw.arguments, cut_short)
        except Unreadable as error:
            return f"Error: not run: {error}"
        shown = self._shown(arguments)
        self._desk.step(Step(step_id, name, shown))
        began = time.monotonic()
        call = self._reading.prepare(name, arguments)
        if place > settings.tool_calls_per_message_max:
            call = f"not run: more than {settings.tool_calls_per_message_max} calls in one message"
        if isinstance(call, str):
            output, success = call, False
        else:
            result = await self._desk.tools.execute(call, _silent)
            output, success = result.output, result.success
        took = int((time.monotonic() - began) * 1_000)
        self._desk.step(Step(step_id, name, shown, cut_middle(output, settings.step_max_chars), success, took))
        return cut_to_tokens(output if success else f"Error: {output}", settings.tool_output_max_tokens)

    def _shown(self, arguments: dict[str, object]) -> dict[str, object]:
        """The arguments as an event shows them: whole, or cut as text."""
        text = msgspec.json.encode(arguments).decode()
        most = self._settings.step_max_chars
        return arguments if len(text) <= most else {"(cut)": cut_middle(text, most)}

    def _id(self, raw: RawToolCall, fallback: str) -> str:
        sound = 0 < len(raw.id) <= MAX_ID_CHARS and raw.id not in self._ids
        call_id = raw.id if sound else f"call-{fallback}"
        self._ids.add(call_id)
        return call_id


def _asked(raw: RawToolCall, call_id: str) -> Wire:
    """The call as the history has it: arguments that no provider would take again are left out."""
    try:
        arguments = msgspec.json.encode(read_arguments(raw.arguments)).decode()
    except Unreadable:
        arguments = "{}"
    return {"id": call_id, "type": "function", "function": {"name": sound_name(raw.name), "arguments": arguments}}


async def _silent(text: str) -> None:
    """What a tool says while it runs is not told: its result is."""
