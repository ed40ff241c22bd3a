"""Hostile texts from models, tools, files and people: nothing in them runs or is fetched, and all of it is shown."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import few
from tests.support.models.scripted_model import Call, Refusal, calls, text

OUT = "https://evil.example"
LISTED = "https://img.example"
"""Of whose images the server takes any."""
HTML = (
    "<script>pwned = 1</script><img src=x onerror='pwned = 1'><svg onload='pwned = 1'></svg>"
    f"<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe><style>* {{ display: none }}</style>"
    f"<link rel=stylesheet href='{OUT}/a.css'><form action='{OUT}'><button>go</button></form>"
    "<a href='javascript:pwned = 1'>press</a><base href='//evil.example'><meta http-equiv=refresh content='0;url=//evil.example'>"
)
LINKS = [
    "javascript:pwned=1",
    "JaVaScRiPt:pwned=1",
    "\u0001javascript:pwned=1",
    "java\tscript:pwned=1",
    "data:text/html,<script>parent.pwned=1</script>",
    "vbscript:pwned=1",
    "blob:http://127.0.0.1/x",
    "file:///etc/passwd",
    "//evil.example/x",
    "/auth/logout",
]
IMAGES = [
    f"{OUT}/x.png",
    "//evil.example/x.png",
    "javascript:pwned=1",
    "data:image/svg+xml,<svg onload='pwned=1'>",
    "/auth/logout",
]
TERMINAL = (
    "\u001b[2J\u001b[31mred\u001b[0m \u001b]0;pwned\u0007\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007 end"
)
BIDI = "invoice\u202egnp.exe and \u2066hidden\u2069 \u200b\ufeff done"
NESTED = {
    "quotes": "> " * 2_000 + "deep",
    "lists": "\n".join("  " * level + "- deep" for level in range(300)),
    "brackets": "[" * 20_000 + "deep",
    "links": "[a](" * 3_000 + "deep",
    "stars": "*" * 20_001 + "deep",
    "marks": "**a _b ~~c `d " * 2_000 + "deep",
    "ticks": "`" * 10_000 + "deep",
    "pipes": "|" * 1_000 + "\n" + "|-" * 1_000 + "\n" + "| deep " * 1_000,
    "one line": "deep " * 40_000,
}


async def nothing_ran(at: Scene) -> None:
    """No script of the text ran, and the page is where it was and works."""
    assert await at.chat.page.evaluate("typeof pwned") == "undefined"
    assert at.chat.page.url.startswith(f"{at.live.http}/s/")
    await expect(at.chat.field).to_be_editable()
    assert await at.chat.page.locator("main :is(script, iframe, object, embed, style, link, base, meta)").count() == 0


async def test_a_page_that_asks_another_machine_fails_its_test(tabs: Tabs) -> None:
    tabs.expects(NETWORK)
    chat = await tabs.open("about:blank")
    async with chat.page.expect_console_message():
        await chat.page.evaluate("(url) => void new Image().setAttribute('src', url)", f"{OUT}/x.png")
    with pytest.raises(AssertionError, match="ERR_NAME_NOT_RESOLVED"):
        tabs.check()
    tabs.expects("ERR_NAME_NOT_RESOLVED")


async def test_hostile_texts_of_a_model_a_tool_and_a_person_are_shown_and_nothing_runs(
    tabs: Tabs, tmp_path: Path
) -> None:
    """One conversation, whose turns are these functions."""
    async with scene(tabs, tmp_path, settings={"page": {"image_sources": [LISTED]}}) as at:
        await titles_file_names_plans_and_errors_are_text(at)
        await raw_html_of_a_model_is_text(at)
        await links_of_a_model_go_to_the_web_alone_and_in_a_tab_that_knows_nothing(at)
        await images_come_from_listed_sources_alone(at)
        await control_sequences_and_directions_are_shown_without_their_power(at)
        await a_tool_s_output_and_arguments_are_text(at)
        for name in few([*NESTED]):
            await markdown_without_measure_breaks_nothing(at, name)
        tabs.check()
        tabs.expects("trusted|Trusted|script-src|Content Security Policy|img-src|style-src|connect-src")
        await the_policy_holds_what_the_page_would_not(at)


async def answered(at: Scene, said: str, answer: str) -> Locator:
    """The answer on the page, once it is complete; it ends with `The end.`."""
    at.model.extend(text(answer))
    before = await at.chat.rows.last.get_attribute("aria-posinset")
    await at.chat.say(said)
    last = at.chat.page.locator(f".row[data-kind=assistant]:not([aria-posinset='{before}']) .markdown").last
    await expect(last).to_contain_text("The end.")
    await at.chat.idle()
    return last


async def titles_file_names_plans_and_errors_are_text(at: Scene) -> None:
    name = "<img src=x onerror='pwned = 1'>.txt"
    items = [{"text": HTML, "status": "in_progress"}]
    at.model.extend(calls(Call("plan", {"items": items}, id="plan")), text("Planned."), Refusal(400, HTML))
    await at.chat.drop(name, "x")
    await expect(at.chat.page.get_by_label("Files added").get_by_role("link")).to_have_text(name)
    await at.chat.say(HTML)
    await expect(at.chat.answers).to_have_text("Planned.")
    await expect(at.chat.rows.first.locator(".bubble")).to_contain_text(HTML)
    await expect(at.chat.page.get_by_role("heading", level=1)).to_contain_text("<script>pwned = 1</script>")
    await expect(at.chat.sessions).to_contain_text("<script>pwned = 1</script>")
    assert "<script>" in await at.chat.page.title()
    await expect(at.chat.page.get_by_role("region", name="Plan").get_by_role("listitem")).to_contain_text("<script>")
    await at.chat.idle()
    await at.chat.say("fail")
    await expect(at.chat.notes).to_have_count(1)
    assert await at.chat.page.locator("main :is(img, form[action])").count() == 0
    await nothing_ran(at)


async def raw_html_of_a_model_is_text(at: Scene) -> None:
    answer = await answered(
        at, "html", f"Before.\n\n{HTML}\n\n- {HTML}\n\n> {HTML}\n\n```html\n{HTML}\n```\n\nAfter. The end."
    )
    await expect(answer.locator("p").nth(1)).to_contain_text("<script>pwned = 1</script>")
    assert await answer.locator(":is(script, img, svg, iframe, style, form)").count() == 0
    await nothing_ran(at)


async def links_of_a_model_go_to_the_web_alone_and_in_a_tab_that_knows_nothing(at: Scene) -> None:
    lines = [f"[link {number}]({address})" for number, address in enumerate(LINKS)]
    autolinks = [f"<{address}>" for address in LINKS]
    good = ["[good](https://example.org/a?b#c)", "[mail](mailto:a@example.org)"]
    answer = await answered(at, "links", "\n\n".join([*lines, *autolinks, *good, "The end."]))
    await expect(answer).to_contain_text("link 9")
    links = answer.locator("a[href]")
    hrefs = [await link.get_attribute("href") or "" for link in await links.all()]
    assert set(hrefs) <= {"https://example.org/a?b#c", "mailto:a@example.org"}
    taken = answer.get_by_role("link", name="good")
    await expect(taken).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(taken).to_have_attribute("target", "_blank")
    for dead in await answer.locator("a:not([href])").all():
        await dead.click(force=True)
    await nothing_ran(at)


async def images_come_from_listed_sources_alone(at: Scene) -> None:
    pictures = [*(f"![picture]({address})" for address in IMAGES), f"![good]({LISTED}/good.png)"]
    await at.chat.page.route(
        f"{LISTED}/**",
        lambda route: route.fulfill(body='<svg xmlns="http://www.w3.org/2000/svg"/>', content_type="image/svg+xml"),
    )
    answer = await answered(at, "images", "\n\n".join([*pictures, "The end."]))
    images = answer.locator("img")
    await expect(images).to_have_count(1)
    await expect(images).to_have_attribute("src", f"{LISTED}/good.png")
    await expect(images).to_have_attribute("alt", "good")
    await expect(answer.get_by_role("link", name="image: picture")).to_have_attribute("href", f"{OUT}/x.png")
    await nothing_ran(at)


async def control_sequences_and_directions_are_shown_without_their_power(at: Scene) -> None:
    answer = await answered(at, f"look: {BIDI}", f"{TERMINAL}\n\n{BIDI}\n\nThe end.")
    await expect(answer).to_contain_text("red")
    bubble = at.chat.page.locator(".row[data-kind=user] .bubble").last
    await expect(bubble).to_contain_text("look: ")
    for place in (answer.locator("p").nth(1), bubble):
        assert await place.evaluate("element => getComputedStyle(element).unicodeBidi") in {"plaintext", "isolate"}
    await nothing_ran(at)


async def a_tool_s_output_and_arguments_are_text(at: Scene) -> None:
    hostile = f"{HTML}\n{TERMINAL}\n{BIDI}"
    call = Call("write", {"path": "a.txt", "content": hostile}, id="call_1")
    at.model.extend(calls(call), calls(Call("read", {"path": "a.txt"}, id="call_2")), text("Done."))
    await at.chat.say("write")
    await expect(at.chat.approvals.locator("pre")).to_contain_text("<script>pwned = 1</script>")
    await at.chat.approvals.get_by_role("button", name="Approve", exact=True).click()
    await expect(at.chat.answers.last).to_have_text("Done.")
    for card in (at.chat.tools.nth(-2), at.chat.tools.last):
        await card.locator("summary").click()
    result = at.chat.tools.last.get_by_label("Result")
    await expect(result).to_contain_text("<script>pwned = 1</script>")
    await expect(result).to_contain_text("red")
    assert "\u001b" not in await result.inner_text()
    assert await at.chat.tools.locator(":is(script, img, iframe, style, form)").count() == 0
    await nothing_ran(at)


async def markdown_without_measure_breaks_nothing(at: Scene, name: str) -> None:
    await at.chat.button("New session").click()
    await expect(at.chat.rows).to_have_count(0)
    at.model.extend(text(f"{NESTED[name]}\n\n\n\nThe end."))
    await at.chat.say(name)
    await expect(at.chat.answers).to_contain_text("The end.")
    await at.chat.idle()
    assert (await at.chat.answers.text_content() or "").count("deep") == NESTED[name].count("deep"), name
    at.model.extend(text("Still here."))
    await at.chat.say("and now?")
    await expect(at.chat.answers.last).to_have_text("Still here.")
    await nothing_ran(at)


async def the_policy_holds_what_the_page_would_not(at: Scene) -> None:
    """If a text did become HTML one day, the browser itself would stop it: the second wall stands."""
    page = at.chat.page
    with pytest.raises(Exception, match="TrustedHTML"):
        await page.evaluate("document.body.innerHTML = '<b>x</b>'")
    await page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.append("globalThis.pwned = 1");
          try { document.body.append(script); } catch {}
          const image = document.createElement("img");
          image.src = "https://evil.example/x.png";
          document.body.append(image);
        }"""
    )
    assert await page.evaluate("typeof pwned") == "undefined"
    assert await page.evaluate("fetch('https://evil.example/').then(() => 'sent', () => 'stopped')") == "stopped"
