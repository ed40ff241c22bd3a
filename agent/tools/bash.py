"""Shell tool: runs a command in the session's sandbox, streams its output, and saves a long output to a file."""

import codecs
import functools
import secrets
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.policy.effects import EffectKind, Effects
from agent.sandbox.settings import SandboxSettings
from agent.tools.base import StructTool, ToolLog, ToolResult
from agent.util.text import join_ends, without_overwritten
from agent.workspace.files import ExitStatus, Sandbox, SandboxError

COMMAND_CHARS_MAX = 65_536
SHOWN_CHARS = 300
OUTPUT_FOLDER = ".holdfast"
OUTPUT_TOO_LONG = "its output was longer than {most} bytes; write such output to a file"


COMMAND_TIMEOUT_S = 120.0
"""How long a command may run that asks for no time of its own: most end in it, and one that hangs does not keep the turn for long."""

LOG_BYTES_MAX = 262_144
"""Output of one command that is shown while it runs, and stored so; the rest comes at its end."""

OUTPUT_BYTES_MAX = 4_194_304
"""Output of one command; then it is killed. More belongs into a file."""

OUTPUT_CHARS_MAX = 30_000
"""Output that a model gets: about 7,500 tokens, below `turn.tool_output_max_tokens`. Of a longer one the middle is kept in a file."""


class Bash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `bash`."""

    command: Annotated[
        str, Meta(min_length=1, max_length=COMMAND_CHARS_MAX, description="The command, as for `bash -c`.")
    ]
    timeout_s: Annotated[float, Meta(ge=0, description="Time limit in seconds; 0: the default.")] = 0


@functools.lru_cache(maxsize=16)  # the sessions of a server share it, but for those with a project folder
def _description(where: str, default_s: float, max_s: float) -> str:
    return (
        f"Run a command with bash; its current folder is the session's workspace. It runs in {where}. "
        "It has no input; its standard output and standard error are returned as one text, without what a carriage "
        "return wrote over. Processes that it leaves "
        f"in the background are ended when it ends. The time limit is {default_s:g} s, or "
        f"`timeout_s` up to {max_s:g}. The middle of a long output is left out, and the "
        "whole output is saved to a file."
    )


class BashTool(StructTool[Bash]):
    """Runs a shell command in the sandbox."""

    __slots__ = ("_default_s", "_effects", "_sandbox", "_settings", "description")

    name = "bash"
    arguments = Bash
    side_effects: str | None = "commands run, and what they did to files"

    def __init__(self, sandbox: Sandbox, settings: SandboxSettings, effects: frozenset[EffectKind]) -> None:
        """`effects`: what any command may do outside the workspace."""
        self._sandbox = sandbox
        self._settings = settings
        self._effects = effects
        self._default_s = min(COMMAND_TIMEOUT_S, settings.command_timeout_max_s)
        self.description = _description(sandbox.says, self._default_s, settings.command_timeout_max_s)

    def validate(self, arguments: Bash) -> str | None:
        most = self._settings.command_timeout_max_s
        if arguments.timeout_s > most:
            return f"Expected at most {most:g}, got {arguments.timeout_s:g} - at `$.timeout_s`"
        return "Expected a command without NUL - at `$.command`" if "\0" in arguments.command else None

    def effects(self, arguments: Bash) -> Effects:
        command = " ".join(arguments.command.split())
        shown = command if len(command) <= SHOWN_CHARS else f"{command[:SHOWN_CHARS]}..."
        return Effects(f"runs a command: {shown}", self._effects)

    async def execute(self, arguments: Bash, log: ToolLog) -> ToolResult:
        output = _OutputCollector(self._settings, log)
        try:
            ended = await self._sandbox.exec(arguments.command, output.add, arguments.timeout_s or self._default_s)
        except _OutputTooLong:
            ended = ExitStatus(137, OUTPUT_TOO_LONG.format(most=OUTPUT_BYTES_MAX))
        return await self._result(ended, bytes(output.data))

    async def _result(self, ended: ExitStatus, data: bytes) -> ToolResult:
        text = without_overwritten(data.decode("utf-8", "replace"))
        note = f"[ended: {ended.stopped}]" if ended.stopped else f"[exit code {ended.code}]" if ended.code else ""
        most = OUTPUT_CHARS_MAX
        cut = len(text) > most
        if cut:
            text = join_ends(text, most, await self._save(data))
        if ended.note:
            note = f"{note}\n[{ended.note}]" if note else f"[{ended.note}]"
        if note:
            text = f"{text}\n{note}" if text and not text.endswith("\n") else f"{text}{note}"
        return ToolResult(output=text or "[no output]", success=ended.code == 0 and not ended.stopped, truncated=cut)

    async def _save(self, data: bytes) -> str:
        path = f"{OUTPUT_FOLDER}/output-{secrets.token_hex(4)}.txt"
        try:
            await self._sandbox.write(path, data)
        except SandboxError as error:
            return f"the whole output could not be saved: {error}"
        return f"the whole output is in {path}"


class _OutputTooLong(Exception):
    """A command wrote more than `output_bytes_max`."""


class _OutputCollector:
    """Collects a command's output as bytes, and passes the first `log_bytes_max` bytes to the log as text."""

    def __init__(self, settings: SandboxSettings, log: ToolLog) -> None:
        self.data = bytearray()
        self._settings = settings
        self._log = log
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    async def add(self, piece: bytes) -> None:
        room = LOG_BYTES_MAX - len(self.data)
        self.data += piece
        if len(self.data) > OUTPUT_BYTES_MAX:
            del self.data[OUTPUT_BYTES_MAX:]
            raise _OutputTooLong
        if room <= 0:
            return
        text = self._text.decode(piece[:room])
        if len(piece) > room:
            text += "\n[more output is not shown while it runs]\n"
        if text:
            await self._log(text)
