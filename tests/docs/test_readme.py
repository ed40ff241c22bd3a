"""The README does what it says: its commands are there, its links lead somewhere, its transcript happens."""

import re
import shlex
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

import msgspec
import pytest

from agent.policy.settings import PolicySettings
from tests.contract.sandboxes import bubblewrap
from tests.integration.test_wscat import unhurried
from tests.support.live import listening
from tests.support.paths import ROOT
from tests.support.wscat import wscat

README = (ROOT / "README.md").read_text()
STREAMED = ("assistant_chunk", "tool_log")
TRANSCRIPTS = [block.splitlines() for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)]


def types(transcript: list[str]) -> list[str]:
    """The types of the frames a transcript shows."""
    return [found.group(1) for line in transcript if (found := re.match(r'< \{"type":"(\w+)"', line))]


def told(transcript: list[str]) -> list[str]:
    """The same, runs of one type told once."""
    return [kind for kind, _ in groupby(types(transcript))]


def options(line: str, data: Path) -> list[str]:
    """What a transcript's command gives wscat after the address, as a shell in front of this data folder would."""
    words = shlex.split(line.removeprefix("$ "))
    return [word.replace("$(cat data/token)", (data / "token").read_text().strip()) for word in words[3:]]


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^ {4}(make \w+)", README, re.MULTILINE))))
def test_the_commands_of_the_first_screen_are_there(command: str) -> None:
    done = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md", "docs/protocol.md"])
def test_the_links_of_a_document_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    pictures = re.findall(r'\bsrc(?:set)?="([^"]+)"', text)
    for target in [*re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text), *pictures]:
        if "://" not in target:
            assert (ROOT / document).parent.joinpath(target).exists(), (
                f"{document} links to {target}, which is not there"
            )


@pytest.mark.parametrize("where", ["on the PATH", "in the package"])
async def test_the_transcript_of_a_cut_and_a_return_is_what_happens(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`where`: bubblewrap is. In the package: as after an install on a machine that has none of its own."""
    if where == "in the package":
        node = shutil.which("node")
        (tmp_path / "bin").mkdir()
        if node is not None:
            (tmp_path / "bin" / "node").symlink_to(node)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    program = bubblewrap()
    assert (program.source == "system") == (where == "on the PATH")
    first, second = TRANSCRIPTS
    typed = [line[2:] for line in (*first, *second) if line.startswith("> ")]
    settings = unhurried(tmp_path, local_token=True)
    settings = msgspec.structs.replace(settings, policy=PolicySettings())
    async with listening(settings) as live:
        option, header = options(first[0], tmp_path)
        async with wscat(live.ws, option, header) as person:
            await person.until("synced")
            await person.type(typed[0])
            last = await person.until("tool_log")
        assert person.told() == told(first)
        ready = person.heard[0]
        position = f"{ready['session_id']}?after={last['seq']}&epoch={ready['epoch']}"
        async with wscat(f"{live.ws}/{position}", *options(second[0], tmp_path)) as back:
            await back.until("turn_complete")
            await back.type(typed[1])
            asked = await back.until("approval_required")
            await back.type(re.sub('"call_[0-9a-f]+"', f'"{asked["tools"][0]["tool_call_id"]}"', typed[2]))
            await back.until("turn_complete")
        # How much of a text is replayed and how much comes live is the clock's affair.
        assert [kind for kind in back.told() if kind not in STREAMED] == [
            kind for kind in told(second) if kind not in STREAMED
        ]
