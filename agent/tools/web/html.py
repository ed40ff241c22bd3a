"""HTML conversion: turns HTML into Markdown in a separate process (`html_program`), which hostile pages may crash or stall."""

import html as entities
import logging
import math
import re
import sys
from functools import partial
from pathlib import Path

import msgspec

from agent.util.executors import Executors
from agent.util.places import Holder
from agent.util.programs import Program, run_program

log = logging.getLogger("holdfast.web")

PROGRAM = Path(__file__).with_name("html_program.py")
TEXT_PER_HTML = 4
"""Characters of Markdown for each of HTML, at most; more is padding."""


CONVERSION_TIMEOUT_S = 10.0
"""How long making Markdown of a page may take; then its plain text is shown. A usual page takes less than a second."""

CONVERSION_MEMORY_BYTES = 536_870_912
"""Memory of the process that makes Markdown: a hundred times the largest page that is read, for its tree of elements."""


class ConvertedPage(msgspec.Struct, frozen=True):
    """A page as text. `plain`: it could not be converted; `text` is its text without the tags."""

    title: str
    text: str
    plain: bool = False


async def html_to_markdown(html: str, url: str, executors: Executors, holder: Holder) -> ConvertedPage:
    """The page at `url` as Markdown; as plain text if that takes too much time or memory.

    Cancelled, it kills its process. Raises PlacesTaken.
    """
    most = len(html) * TEXT_PER_HTML + 1_000
    arguments = (url, CONVERSION_MEMORY_BYTES, math.ceil(CONVERSION_TIMEOUT_S), most)
    program = Program(
        command=(sys.executable, "-I", str(PROGRAM), *map(str, arguments)),
        environ={},
        timeout_s=CONVERSION_TIMEOUT_S,
        data=html.encode("utf-8", "replace"),
    )
    result = await run_program(executors.html.of(holder), program)
    if result.code == 0:
        return msgspec.json.decode(result.output, type=ConvertedPage)
    if result.late:
        log.info("a page could not be made Markdown within %g s", CONVERSION_TIMEOUT_S)
    else:
        log.info("a page could not be made Markdown: exit %s", result.code)
    return ConvertedPage("", await executors.conversion.run(partial(plain_text, html), holder), plain=True)


def plain_text(html: str) -> str:
    """The text without tags, in one pass: linear time for every input."""
    pieces: list[str] = []
    for piece in html.split("<"):
        _, closed, text = piece.partition(">")
        pieces.append(text if closed else piece)
    lines = (" ".join(line.split()) for line in entities.unescape("\n".join(pieces)).splitlines())
    return re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()
