"""Examples in the documents: each is checked by its language here, or by the test that runs it."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

from protocol import codec
from server.config.loader import load_settings
from tests.docs import shell
from tests.docs.documents import DOCUMENTS, FENCE, Example, all_examples, read
from tests.docs.test_log_lines import check_log_lines
from tests.docs.transcript import parse
from tests.support.paths import ROOT

RUN_BY = {
    ("docs/compatible.md", "python"): "tests/docs/test_compatible.py",
    ("docs/protocol.md", "python"): "tests/docs/test_transcripts.py",
    ("docs/tools.md", "python"): "tests/docs/test_tools.py",
    ("docs/configuration.md", "text"): "tests/docs/test_configuration.py",
    ("clients/python/README.md", "python"): "tests/deploy/test_client_wheel.py",
    ("clients/js/README.md", "js"): "tests/unit/clients/js/test_package.py",
    ("docs/page.md", "js"): "tests/browser/test_library.py",
}
"""The test that runs the examples of a document in a language."""


def check_json(example: Example, folder: Path) -> None:
    """A submission or a frame as the codec reads it, settings as the loader reads them, or an editor's entry for `holdfast`."""
    text = example.text if example.text.lstrip().startswith("{") else f"{{{example.text}}}"
    content = json.loads(text)
    if "type" in content:
        codec.decode_submission(json.dumps(content))
        return
    if "agent_servers" in content:
        for entry in content["agent_servers"].values():
            shell.check(shlex.join([entry["command"], *entry["args"]]))
        return
    file = folder / "config.json"
    file.write_text(text)
    load_settings(file, dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "0" * 32))


def check_text(example: Example, folder: Path) -> None:
    """Recorded frames: the codec reads each, and writes it as it is shown. Other text is the subject of a test."""
    if (example.document, "text") in RUN_BY:
        run_by(example)
        return
    for line in example.text.splitlines():
        mark, frame = line[:2], line[2:]
        assert mark in ("# ", "> ", "< "), line
        if mark == "> ":
            codec.decode_submission(frame)
        elif mark == "< ":
            assert codec.encode(codec.decode_frame(frame)).decode() == frame


def check_console(example: Example, folder: Path) -> None:
    """A conversation with wscat, which tests/docs/test_transcripts.py holds with a server."""
    assert all(frame for connection in parse(example.text) for step in connection.steps for frame in step.frames)


def check_python(example: Example, folder: Path) -> None:
    compile(example.text, str(example), "exec")
    run_by(example)


def check_js(example: Example, folder: Path) -> None:
    node = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv" / "bin"))
    assert node, "node is missing: run `make test` once, it installs it"
    file = folder / "example.mjs"
    file.write_text(example.text)
    done = subprocess.run([node, "--check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run_by(example)


def run_by(example: Example) -> None:
    """Its test is there, and reads the document."""
    test = RUN_BY[example.document, example.language]
    assert Path(example.document).name in (ROOT / test).read_text()


def check_yaml(example: Example, folder: Path) -> None:
    """Steps of a workflow of GitHub, or a configuration of Prometheus that scrapes the server's metrics with a token."""
    content = yaml.safe_load(example.text)
    if isinstance(content, list):
        for step in content:
            shell.check(step["run"])
        return
    for job in content["scrape_configs"]:
        assert {"job_name", "authorization", "static_configs"} == set(job)
        assert "credentials_file" in job["authorization"]
        assert [target for config in job["static_configs"] for target in config["targets"]] == ["localhost:7860"]


def check_mermaid(example: Example, folder: Path) -> None:
    """A flowchart: nodes and arrows; each node that an arrow names has a text somewhere."""
    first, *lines = example.text.splitlines()
    assert re.fullmatch(r"flowchart (LR|TD)", first)
    node = r"(\w+)(\(\[.+?\]\)|\[\(.+?\)\]|\[.+?\])?"
    arrow = re.compile(rf'\s+{node} (?:-- (?:"[^"]+"|[^-"()\[\]]+) -->|-\. [\w ]+ \.->) {node}')
    parts = [arrow.fullmatch(line) for line in lines]
    assert all(parts), [line for line, part in zip(lines, parts, strict=True) if not part]
    named = {part[place] for part in parts if part for place in (1, 3)}
    assert named == {part[place] for part in parts if part for place in (1, 3) if part[place + 1]}


CHECKS: dict[str, Callable[[Example, Path], None]] = {
    "sh": lambda example, _: shell.check(example.text),
    "console": check_console,
    "json": check_json,
    "text": check_text,
    "log": lambda example, _: check_log_lines(example.text),
    "python": check_python,
    "js": check_js,
    "yaml": check_yaml,
    "mermaid": check_mermaid,
}


@pytest.mark.parametrize("example", all_examples(), ids=str)
def test_an_example_is_checked_by_its_language(example: Example, tmp_path: Path) -> None:
    assert example.language in CHECKS, f"{example}: no test knows how to check {example.language or 'no language'!r}"
    CHECKS[example.language](example, tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_example_is_fenced(document: str) -> None:
    """An indented block, or a fence of another form, would be shown as an example and checked by nobody."""
    rest = FENCE.sub("", re.sub(r"<!-- generated.*?<!-- end -->", "", read(document), flags=re.DOTALL))
    assert not re.findall(r"^\s*(?:```|~~~).*$", rest, re.MULTILINE)
    assert not re.findall(r"(?:\A|\n\n)((?: {4}|\t).*)", rest)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_command_in_a_sentence_exists(document: str) -> None:
    sentences = FENCE.sub("", read(document))
    for command in re.findall(r"(?<!`)`((?:holdfast|make|\.venv/bin/\w+) [^`…]+)`", sentences):
        shell.check(command, mentioned=True)


def test_wrong_commands_are_found(tmp_path: Path) -> None:
    for command in (
        "holdfast serve --prot 1",
        "holdfast token make",
        "make nothing",
        "cp deploy/nothing /etc",
        "nothing",
    ):
        with pytest.raises(AssertionError):
            shell.check(command)
    for fault in ('{"type":"user_input","texts":"a"}', '{"server": {"prot": 1}}'):
        with pytest.raises(Exception, match=r"texts|prot"):
            check_json(Example("a.md", 1, "json", fault), tmp_path)
    with pytest.raises(msgspec.ValidationError):
        check_text(Example("a.md", 1, "text", '< {"type":"synced"}\n'), tmp_path)
    with pytest.raises(AssertionError):
        check_mermaid(Example("a.md", 1, "mermaid", "flowchart LR\n    A -- goes --> B[there]\n"), tmp_path)
