"""HTML program: reads HTML on standard input and writes readable Markdown. It runs as a process of its own.

`html_to_markdown` runs it as a file, isolated from the project: it imports nothing of it. Arguments: the page's URL, bytes of memory,
seconds of CPU, most characters of text. Output: JSON with `title` and `text`.
"""

import json
import os
import resource
import sys
from urllib.parse import urljoin

NOISE = [
    "title",
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "canvas",
    "iframe",
    "object",
    "form",
    "button",
    "nav",
    "dialog",
]
"""Elements without text for a reader; they are removed."""
NICE = 10
"""The server and its clients come first."""
MAIN_SHARE = 0.3
"""`main`, `article` or role `main` is shown alone if it holds at least this share of the page's text."""


def set_limits(memory_bytes: int, cpu_s: int) -> None:
    """Set this process's limits: memory, CPU time, no core file, and no byte written to a file."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def convert(html: str, url: str, most: int) -> dict[str, str]:
    """The page's `title`, and its `text` as Markdown, at most `most` characters."""
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(html, "html.parser")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    for element in soup(NOISE):
        element.decompose()
    for element in soup(["a", "img"]):
        name = "href" if element.name == "a" else "src"
        target = str(element.get(name) or "")
        if target.startswith(("data:", "javascript:")):
            del element[name]
        elif target:
            element[name] = absolute_url(url, target)
    body = soup.body or soup
    main = soup.find("main") or soup.find("article") or soup.find(True, attrs={"role": "main"})
    if main is not None and len(main.get_text()) >= MAIN_SHARE * len(body.get_text()):
        body = main
    try:
        text = MarkdownConverter(heading_style="ATX", bullets="-", code_language="").convert_soup(body)
    except RecursionError:
        text = body.get_text("\n")
    return {"title": title[:500], "text": tidy(str(text))[:most]}


def absolute_url(base: str, target: str) -> str:
    """The absolute URL of a link; the link as it is if it is no valid URL."""
    try:
        return urljoin(base, target)
    except ValueError:
        return target


def tidy(text: str) -> str:
    """The text without spaces at the ends of lines, and with at most one empty line in a row."""
    lines: list[str] = []
    for line in text.splitlines():
        line = line.rstrip()
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip("\n")


def main() -> None:
    """Set the limits, read the HTML, convert it, write the JSON."""
    url, memory_bytes, cpu_s, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    os.nice(NICE)
    set_limits(memory_bytes, cpu_s)
    html = sys.stdin.buffer.read().decode("utf-8", "replace")
    output = json.dumps(convert(html, url, most), ensure_ascii=True)
    sys.stdout.write(output)


if __name__ == "__main__":
    main()
