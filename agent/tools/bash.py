"""The shell tool: a command in the session's sandbox, streamed, its long output kept in a file."""

import codecs
import secrets
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.policy.effects import EffectKind, Effects
from agent.sandbox.settings import SandboxSettings
from agent.tools.base import StructTool, ToolLog, ToolResult
from agent.util.text import join_ends
from agent.workspace.files import ExitStatus, Sandbox, SandboxError

COMMAND_CHARS_MAX = 65_536
SHOWN_CHARS = 300
KEPT_IN = ".holdfast"
FLOOD = "its output was longer than {most} bytes; write such output into a file"


class Bash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `bash`."""

    command: Annotated[
        str, Meta(min_length=1, max_length=COMMAND_CHARS_MAX, description="What to run, as for `bash -c`.")
    ]
    timeout_s: Annotated[float, Meta(ge=0, description="Seconds it may run; 0: as long as is usual here.")] = 0


class BashTool(StructTool[Bash]):
    """Runs a shell command in the sandbox."""

    name = "bash"
    arguments = Bash
    side_effects: str | None = "commands run, and what they did to files"

    def __init__(self, sandbox: Sandbox, settings: SandboxSettings, effects: frozenset[EffectKind]) -> None:
        """`effects`: what any command may do beyond the workspace."""
        self._sandbox = sandbox
        self._settings = settings
        self._effects = effects
        self.description = (
            f"Run a command with bash in the session's workspace, which is its current folder. It runs in {sandbox.says}. "
            "It has no input, and its standard output and error come back in one. What it leaves running in the "
            f"background is ended with it. It may run {settings.command_timeout_s:g} s, or up to "
            f"{settings.command_timeout_max_s:g} if it asks for that. Of a long output the middle is left out here and "
            "the whole is kept in a file."
        )

    def validate(self, arguments: Bash) -> str | None:
        most = self._settings.command_timeout_max_s
        if arguments.timeout_s > most:
            return f"Expected at most {most:g}, got {arguments.timeout_s:g} - at `$.timeout_s`"
        return "Expected a command without NUL - at `$.command`" if "\0" in arguments.command else None

    def effects(self, arguments: Bash) -> Effects:
        first = " ".join(arguments.command.split())
        shown = first if len(first) <= SHOWN_CHARS else f"{first[:SHOWN_CHARS]}..."
        return Effects(f"runs a command: {shown}", self._effects)

    async def execute(self, arguments: Bash, log: ToolLog) -> ToolResult:
        heard = _Heard(self._settings, log)
        try:
            ended = await self._sandbox.exec(
                arguments.command, heard.hear, arguments.timeout_s or self._settings.command_timeout_s
            )
        except _Flood:
            ended = ExitStatus(137, FLOOD.format(most=self._settings.output_bytes_max))
        return await self._told(ended, bytes(heard.data))

    async def _told(self, ended: ExitStatus, data: bytes) -> ToolResult:
        text = data.decode("utf-8", "replace")
        why = f"[ended: {ended.stopped}]" if ended.stopped else f"[exit code {ended.code}]" if ended.code else ""
        most = self._settings.output_chars_max
        cut = len(text) > most
        if cut:
            text = join_ends(text, most, await self._keep(data))
        if why:
            text = f"{text}\n{why}" if text and not text.endswith("\n") else f"{text}{why}"
        return ToolResult(output=text or "[no output]", success=ended.code == 0 and not ended.stopped, truncated=cut)

    async def _keep(self, data: bytes) -> str:
        path = f"{KEPT_IN}/output-{secrets.token_hex(4)}.txt"
        try:
            await self._sandbox.write(path, data)
        except SandboxError as error:
            return f"they could not be kept: {error}"
        return f"the whole output is in {path}"


class _Flood(Exception):
    """A command wrote more than it may."""


class _Heard:
    """The output so far, as bytes; the first of it goes to the log as text."""

    def __init__(self, settings: SandboxSettings, log: ToolLog) -> None:
        self.data = bytearray()
        self._settings = settings
        self._log = log
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    async def hear(self, piece: bytes) -> None:
        room = self._settings.log_bytes_max - len(self.data)
        self.data += piece
        if len(self.data) > self._settings.output_bytes_max:
            del self.data[self._settings.output_bytes_max :]
            raise _Flood
        if room <= 0:
            return
        text = self._text.decode(piece[:room])
        if len(piece) > room:
            text += "\n[more output is not shown while it runs]\n"
        if text:
            await self._log(text)
