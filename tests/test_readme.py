"""The README does what it says: its commands are there, its links lead somewhere, its transcript happens."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.live import listening
from tests.support.wscat import wscat
from tests.wire.test_wscat import unhurried

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
TRANSCRIPTS = [block.splitlines() for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)]


def types(transcript: list[str]) -> list[str]:
    """The types of the frames a transcript shows."""
    return [found.group(1) for line in transcript if (found := re.match(r'< \{"type":"(\w+)"', line))]


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


async def test_the_transcript_of_a_cut_and_a_return_is_what_happens(tmp_path: Path) -> None:
    first, second = TRANSCRIPTS
    async with listening(unhurried(tmp_path, local_token=True)) as live:
        option, header = options(first[0], tmp_path)
        async with wscat(live.ws, option, header) as person:
            await person.until("synced")
            await person.type(next(line[2:] for line in first if line.startswith("> ")))
            last = await person.until("assistant_chunk", at_least=3)
        assert person.told() == types(first)
        ready = person.heard[0]
        position = f"{ready['session_id']}?after={last['seq']}&epoch={ready['epoch']}"
        async with wscat(f"{live.ws}/{position}", *options(second[0], tmp_path)) as back:
            asked = await back.until("approval_required")
            answer = next(line[2:] for line in second if line.startswith("> "))
            await back.type(answer.replace('"call_5754f87e68e4"', '"' + asked["tools"][0]["tool_call_id"] + '"'))
            await back.until("turn_complete")
        # How much of the text is replayed and how much comes live is the clock's affair.
        told, shown = ([kind for kind in kinds if kind != "assistant_chunk"] for kinds in (back.told(), types(second)))
        assert told == shown
