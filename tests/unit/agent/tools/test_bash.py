"""`bash`: called through the router, in the real sandbox."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.policy.effects import EffectKind, Effects
from agent.sandbox.settings import SandboxSettings
from agent.tools import BashTool, ToolResult, ToolRouter
from tests.support.constants import built_in
from tests.support.prepared_calls import complaint_of, effects_of
from tests.unit.agent.sandbox.commands import OpenSandbox, open_sandbox

SMALL: dict[str, Any] = {"output_chars_max": 1_000, "log_bytes_max": 1_024, "output_bytes_max": 65_536}


class Log:
    """What was told while it ran."""

    def __init__(self) -> None:
        self.text = ""

    async def __call__(self, text: str) -> None:
        self.text += text


def router_of(inside: OpenSandbox, effects: frozenset[EffectKind] = frozenset(), **settings: Any) -> ToolRouter:
    return ToolRouter(
        [BashTool(inside.sandbox, msgspec.convert(built_in("sandbox", settings), SandboxSettings), effects)],
        closers=[inside.sandbox.close],
    )


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[OpenSandbox]:
    async with open_sandbox(tmp_path) as opened:
        yield opened


async def run(router: ToolRouter, command: str, **more: object) -> tuple[ToolResult, str]:
    log = Log()
    return await router.run("bash", {"command": command, **more}, log), log.text


async def test_a_command_streams_its_output(inside: OpenSandbox) -> None:
    result, log = await run(router_of(inside), "echo grüße; echo oh >&2")
    assert (result, log) == (ToolResult("grüße\noh\n", True), "grüße\noh\n")


async def test_a_command_without_output_has_a_note(inside: OpenSandbox) -> None:
    assert (await run(router_of(inside), "true"))[0] == ToolResult("[no output]", True)


async def test_a_failing_command_is_no_success_and_has_its_exit_code(inside: OpenSandbox) -> None:
    assert (await run(router_of(inside), "printf half; exit 3"))[0] == ToolResult("half\n[exit code 3]", False)


async def test_a_command_may_ask_for_its_own_time_up_to_a_bound(inside: OpenSandbox) -> None:
    router = router_of(inside, command_timeout_max_s=200)
    result, _ = await run(router, "echo begun; sleep 60", timeout_s=0.5)
    assert result == ToolResult("begun\n[ended: not done within 0.5 s]", False)
    complaint = complaint_of(router, "bash", {"command": "x", "timeout_s": 201})
    assert complaint == "the arguments do not fit bash: Expected at most 200, got 201 - at `$.timeout_s`"


async def test_of_a_long_output_the_middle_is_cut_and_the_whole_is_kept(inside: OpenSandbox) -> None:
    result, log = await run(router_of(inside, **SMALL), "seq 2000; exit 1")
    assert result.truncated and not result.success
    assert result.output.startswith("1\n2\n") and result.output.endswith("\n2000\n[exit code 1]")
    (kept,) = (inside.root / ".holdfast").iterdir()
    assert f"the whole output is in .holdfast/{kept.name} ..." in result.output
    assert kept.read_text() == "".join(f"{number}\n" for number in range(1, 2001))
    assert len(result.output) < 1_200
    assert log.startswith("1\n2\n") and log.endswith("[more output is not shown while it runs]\n") and len(log) < 1_100


async def test_a_long_output_is_shown_even_if_it_cannot_be_saved(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, {"upload_bytes_max": 100}) as opened:
        result, _ = await run(router_of(opened, **SMALL), "seq 2000")
        assert result.success and "the whole output could not be saved: " in result.output


async def test_a_flood_of_output_is_ended(inside: OpenSandbox) -> None:
    result, log = await run(router_of(inside, **SMALL), "yes")
    assert not result.success and len(log) < 1_100
    assert result.output.endswith("[ended: its output was longer than 65536 bytes; write such output to a file]")


async def test_partly_invalid_text_is_shown_as_far_as_possible(inside: OpenSandbox) -> None:
    result, log = await run(router_of(inside), r"printf 'a\xff\xfeb\x00'; printf '\xc3'; sleep 0.2; printf '\xa9'")
    assert result.output == "a\ufffd\ufffdb\0é" and log == result.output


async def test_a_progress_bar_is_returned_as_it_ended_and_shown_as_it_moves(inside: OpenSandbox) -> None:
    result, log = await run(
        router_of(inside), r"for i in $(seq 2000); do printf '\r%4d of 2000' $i; done; printf '\r\nend\r\n'"
    )
    assert result == ToolResult("2000 of 2000\nend\n", True)
    assert log.startswith("\r   1 of 2000\r   2 of 2000")


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("sleep 60 & echo done", "done\n"),
        ("(setsid sleep 60 &); echo done", "done\n"),
        ("(while sleep 0.01; do echo more; done) & echo done", "done\n"),
        ("cat", "[no output]"),
        ("echo begun; kill -9 $$", "begun\n[exit code 137]"),
        ("read -r answer; echo $?", "1\n"),
        ("head -c 3000000 /dev/zero | tr '\\0' x; echo end", "xend\n"),
    ],
    ids=["background", "session", "writer", "input", "killed", "question", "long"],
)
async def test_a_command_that_would_not_end_ends_at_once(inside: OpenSandbox, command: str, output: str) -> None:
    result, _ = await run(router_of(inside), command)
    # The writer may write before the other and, until it is ended, behind it.
    assert result.output.replace("more\n", "").endswith(output)
    assert len(result.output) < 31_000


async def test_a_commands_operation_is_its_text_and_its_effects_are_the_sandboxs(inside: OpenSandbox) -> None:
    arguments: dict[str, object] = {"command": "echo  one\n" + "x" * 400}
    free = effects_of(router_of(inside), "bash", arguments)
    assert free == Effects("runs a command: echo one " + "x" * 291 + "...")
    outside: frozenset[EffectKind] = frozenset({"write_outside", "network"})
    assert effects_of(router_of(inside, outside), "bash", arguments).kinds == outside
    assert router_of(inside).side_effects("bash") == "commands run, and what they did to files"


async def test_the_description_names_the_sandbox_and_its_time_limit(inside: OpenSandbox) -> None:
    (spec,) = router_of(inside).specs()
    assert "It runs in a test. " in str(spec) and "120 s" in str(spec) and "background are ended" in str(spec)


async def test_a_command_with_a_nul_byte_is_refused_without_an_approval(inside: OpenSandbox) -> None:
    assert "NUL" in str(complaint_of(router_of(inside), "bash", {"command": "a\0b"}))


async def test_a_closed_router_runs_no_command(inside: OpenSandbox) -> None:
    router = router_of(inside)
    await router.aclose()
    assert (await run(router, "true"))[0] == ToolResult("the session's sandbox is closed", False)
