"""Reference: the committed documents are what the code generates, and docs/protocol.md leaves nothing out."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from protocol import codec
from protocol.events import Event
from protocol.frames import SocketFrame
from protocol.spec.markdown import artifacts, fill, protocol_tables
from protocol.submissions import Submission
from protocol.view import View

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
MEND = "run `make schema`"


def section(title: str) -> str:
    """The page from this heading to the next one of its rank."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^\1 |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/protocol.md has no section {title!r}"
    return found[2]


@pytest.mark.parametrize("path", artifacts())
def test_a_committed_document_is_what_the_code_writes(path: str) -> None:
    committed = ROOT / path
    assert committed.exists(), f"{path} is missing: {MEND}"
    assert committed.read_text(encoding="utf-8") == artifacts()[path](), f"{path} is out of date: {MEND}"


def test_the_tables_of_the_page_are_what_the_code_writes() -> None:
    assert fill(PAGE, protocol_tables()) == PAGE, f"docs/protocol.md is out of date: {MEND}"


def test_every_table_stands_on_the_page_once() -> None:
    assert sorted(re.findall(r"<!-- generated: (\w+) -->", PAGE)) == sorted(protocol_tables())
    assert PAGE.count("<!-- end -->") == len(protocol_tables())


def test_a_block_is_filled_between_its_marks_and_nowhere_else() -> None:
    page = "a\n<!-- generated: one -->\nold\n\nolder\n<!-- end -->\nb | \\1\n<!-- generated: two -->\n<!-- end -->"
    filled = "a\n<!-- generated: one -->\n1 \\1\n<!-- end -->\nb | \\1\n<!-- generated: two -->\n2\n<!-- end -->"
    assert fill(page, {"one": "1 \\1\n", "two": "2\n"}) == filled
    with pytest.raises(KeyError):
        fill(page, {"one": ""})


def test_the_fold_is_described_for_every_event_and_every_part_of_the_view() -> None:
    fold = section("The view")
    for struct in get_args(Event):
        assert f"`{struct.__struct_config__.tag}`" in fold
    for name in View.__struct_fields__:
        assert f"`{name}`" in fold


def test_an_event_is_distinguished_from_other_frames_by_its_time() -> None:
    assert all("at" in struct.__struct_fields__ for struct in get_args(Event))
    assert not any("at" in struct.__struct_fields__ for struct in get_args(SocketFrame))


def test_every_submission_is_explained() -> None:
    text = re.sub(r"<!-- generated.*?<!-- end -->", "", section("Submissions"), flags=re.DOTALL)
    for struct in get_args(Submission):
        assert f"`{struct.__struct_config__.tag}`" in text


def test_every_frame_that_is_shown_is_one_of_the_wire() -> None:
    shown = re.findall(r"^([<>]) (\{.*\})$", section("A session, frame by frame"), re.MULTILINE)
    assert len(shown) > 20
    for way, frame in shown:
        if way == ">":
            codec.decode_submission(frame)
        else:
            assert codec.encode(codec.decode_frame(frame)).decode() == frame
    for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        codec.decode_submission(json.dumps(json.loads(block)))


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(#([^)]+)\)", PAGE):
        assert target in headings


def test_the_client_on_the_page_is_python_and_short() -> None:
    [source] = re.findall(r"```python\n(.*?)```", section("A client in Python"), re.DOTALL)
    compile(source, "docs/protocol.md", "exec")
    assert len(source.splitlines()) < 60
