"""HTML to Markdown: readable text; hostile HTML harms only the process that reads it."""

import asyncio

import psutil
import pytest

from agent.tools.web.html import PROGRAM, html_to_markdown, plain_text
from agent.util.executors import Executors
from agent.util.places import SERVER
from agent.util.tasks import TaskOwner
from tests.support.constants import built_in
from tests.support.polling import eventually

URL = "https://site.example/docs/page.html"
PAGE = """<!doctype html><html><head><title> A
 page </title><style>p { color: red }</style></head><body>
<nav><a href="/">Home</a></nav>
<h1>Heading</h1><p>Some <b>bold</b> words and a <a href="../other?a=1&amp;b=2">link</a>, a <a href="javascript:evil()">trap</a>.</p>
<ul><li>one</li><li>two</li></ul>
<table><tr><th>name</th><th>size</th></tr><tr><td>a</td><td>1</td></tr></table>
<pre><code>x = 1
  y = 2</code></pre>
<img src="data:image/png;base64,AAAA" alt="a dot"><script>alert("never")</script>
</body></html>"""


async def test_a_page_becomes_markdown_with_absolute_links_and_without_navigation() -> None:
    made = await html_to_markdown(PAGE, URL, Executors(), SERVER)
    assert (made.title, made.plain) == ("A page", False)
    for part in (
        "# Heading",
        "Some **bold** words",
        "[link](https://site.example/other?a=1&b=2)",
        "- one\n- two",
        "| name | size |\n| --- | --- |\n| a | 1 |",
        "```\nx = 1\n  y = 2\n```",
    ):
        assert part in made.text
    for part in ("never", "color: red", "Home", "javascript:", "base64"):
        assert part not in made.text


async def test_the_part_that_calls_itself_the_main_one_is_shown_alone_if_it_is() -> None:
    around = "<p>Buy things.</p>"
    main = "<main><p>" + "What the page is about. " * 10 + "</p></main>"
    assert "Buy" not in (await html_to_markdown(f"<body>{around}{main}</body>", URL, Executors(), SERVER)).text
    small = "<main>x</main>" + "<p>What the page is about.</p>" * 10
    assert "about" in (await html_to_markdown(f"<body>{small}</body>", URL, Executors(), SERVER)).text


async def test_elements_nested_without_end_are_read_to_their_text() -> None:
    made = await html_to_markdown("<div>" * 20_000 + "hello", URL, Executors(), SERVER)
    assert made.text == "hello"


async def test_html_that_takes_too_long_is_shown_as_plain_text() -> None:
    built_in("web", {"readable_timeout_s": 1.0})
    made = await html_to_markdown("<p>before</p>" + "<a " * 200_000, URL, Executors(), SERVER)
    assert made.plain and made.text.startswith("before")


async def test_html_that_takes_too_much_memory_is_shown_as_plain_text() -> None:
    built_in("web", {"readable_memory_bytes": 2**26})
    made = await html_to_markdown("<p>before</p>" + "<i>x</i>" * 60_000, URL, Executors(), SERVER)
    assert made.plain and made.text.startswith("before")


@pytest.mark.parametrize(
    "html", ["", "<", "<!--", "<![CDATA[", "&#xD800;&#0;&bogus;", "\0" * 100, "<p>" + "\ud800" + "x"]
)
async def test_odd_html_is_read_all_the_same(html: str) -> None:
    made = await html_to_markdown(html, URL, Executors(), SERVER)
    made.text.encode("utf-8", "surrogatepass")


async def test_cancelled_it_leaves_no_process_behind(tasks: TaskOwner) -> None:
    built_in("web", {"readable_timeout_s": 50.0})
    converting = tasks.start(html_to_markdown("<a " * 200_000, URL, Executors(), SERVER), "convert")

    def command_of(one: psutil.Process) -> str:
        try:
            return " ".join(one.cmdline())
        except psutil.NoSuchProcess:  # it ended since it was listed, as one of an earlier test may
            return ""

    def converters() -> list[psutil.Process]:
        return [one for one in psutil.Process().children() if PROGRAM.name in command_of(one)]

    await eventually(converters)
    children = converters()
    converting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await converting
    await eventually(lambda: not any(child.is_running() for child in children))


def test_plain_text_is_what_is_between_tags() -> None:
    assert plain_text("<p>one &amp; two</p>\n\n<p >three</p> 1 < 2") == "one & two\nthree\n1\n2"
