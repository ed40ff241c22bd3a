"""Documents: finds the project's documents and the fenced examples in them."""

import re
from typing import NamedTuple

from tests.support.paths import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "clients/*/README.md", "deploy/*/README.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A fenced block of a document; `line` is that of its first fence."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def read(document: str) -> str:
    """A document's text."""
    return (ROOT / document).read_text(encoding="utf-8")


def examples(document: str, *languages: str) -> list[Example]:
    """The examples of a document in its order; with `languages`, those in one of them."""
    text = read(document)
    found = (
        Example(document, text.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in FENCE.finditer(text)
    )
    return [example for example in found if not languages or example.language in languages]


def all_examples() -> list[Example]:
    """The examples of all documents."""
    return [example for document in DOCUMENTS for example in examples(document)]
