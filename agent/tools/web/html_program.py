"""A program of its own: HTML on standard input becomes readable Markdown on standard output. A hostile page harms it alone.

Run by `readable` as a file, isolated from the house: it imports nothing of it. Arguments: the page's URL, bytes of memory,
seconds of CPU, characters of output. Output: JSON with `title` and `text`, at most about so long.
"""

import json
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
"""Elements that hold nothing to read."""
MAIN_SHARE = 0.3
"""A part that calls itself the main one is shown alone, if it has so much of the text."""


def confine(memory_bytes: int, cpu_s: int) -> None:
    """From here on: so much memory and time, no file written, no process begun."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def convert(html: str, url: str, most: int) -> dict[str, str]:
    """The page's title, and its text."""
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
            element[name] = joined(url, target)
    body = soup.body or soup
    main = soup.find("main") or soup.find("article") or soup.find(True, attrs={"role": "main"})
    if main is not None and len(main.get_text()) >= MAIN_SHARE * len(body.get_text()):
        body = main
    try:
        text = MarkdownConverter(heading_style="ATX", bullets="-", code_language="").convert_soup(body)
    except RecursionError:
        text = body.get_text("\n")
    return {"title": title[:500], "text": tidy(str(text))[:most]}


def joined(base: str, target: str) -> str:
    """A link from the page, whole."""
    try:
        return urljoin(base, target)
    except ValueError:
        return target


def tidy(text: str) -> str:
    """Without spaces at ends of lines, and with one empty line where there were more."""
    lines: list[str] = []
    for line in text.splitlines():
        line = line.rstrip()
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip("\n")


def main() -> None:
    """Read, confine, convert, write."""
    url, memory_bytes, cpu_s, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    confine(memory_bytes, cpu_s)
    html = sys.stdin.buffer.read().decode("utf-8", "replace")
    said = json.dumps(convert(html, url, most), ensure_ascii=True)
    sys.stdout.write(said)


if __name__ == "__main__":
    main()
