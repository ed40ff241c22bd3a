"""References in the documents: the files, headings, tests and settings that they name exist."""

import re
from pathlib import Path

import pytest

from server.config import catalog
from tests.docs.documents import DOCUMENTS, FENCE, read
from tests.support.paths import ROOT

NO_SETTINGS = {"journal.mark", "sandbox.key", "sandbox.program", "sandbox.reason"}
"""Files of the data folder, and fields of `GET /api/config`, that look like settings."""


def headings(text: str) -> set[str]:
    """The addresses that GitHub gives to a document's headings."""
    lines = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in lines}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_links_of_a_document_lead_somewhere(document: str) -> None:
    text = re.sub(
        r"`[^`\n]+`(?!\])", "", FENCE.sub("", read(document))
    )  # what is code is no link, but a link may show code
    targets = [*re.findall(r"\]\(([^) ]+)\)", text), *re.findall(r'\bsrc(?:set)?="([^"]+)"', text)]
    for target in targets:
        name, _, heading = target.partition("#")
        if "://" in target:
            continue
        path = (ROOT / document).parent / name if name else ROOT / document
        assert path.exists(), f"{document} links to {target}, which is not there"
        if heading:
            assert heading in headings(Path(path).read_text()), (
                f"{document} links to {target}: there is no such heading"
            )


@pytest.mark.parametrize("document", sorted({*DOCUMENTS} - {"CHANGELOG.md", "docs/frames.md"}))
def test_the_tests_and_settings_that_a_document_names_are_there(document: str) -> None:
    text = FENCE.sub("", read(document))
    for path in re.findall(r"`(tests/[\w/.]+)`", text):
        assert (ROOT / path).exists(), f"{document} names {path}, which is not there"
    groups = {group.partition(".")[0] for group in catalog.groups() if group}
    known = NO_SETTINGS | {setting.key for setting in catalog.settings()} | set(catalog.groups())
    for key in re.findall(r"`((?:\w+\.)+\w+)(?:: [^`]*)?`", text):
        if key.partition(".")[0] in groups and not key.endswith((".py", ".js", ".json", ".md", ".moved")):
            assert key in known, f"{document} names the setting {key}, which is not there"
