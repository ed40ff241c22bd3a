"""The documents' links lead somewhere: to a file or folder that is there, and to a heading in it."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, FENCE, read
from tests.support.paths import ROOT


def headings(text: str) -> set[str]:
    """The addresses that GitHub gives to a document's headings."""
    lines = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in lines}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_links_of_a_document_lead_somewhere(document: str) -> None:
    text = FENCE.sub("", read(document))
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
