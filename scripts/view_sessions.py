"""Sessions for the pictures of every view: what a scripted model says in them, and how they are made over the page."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Page, expect

from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Reason,
    Refusal,
    Request,
    Text,
    Tokens,
    Usage,
    calls,
    stream,
    text,
)

USED = Usage(48_200, 1_310, 40_000)
RICH = """## How the checks are run

The runner reads `checks.toml`, **sorts** the checks by what they need, and starts as many of them as there are *idle* cores. See the \
[guide](https://example.org/guide) for what a check may ask for, and ~~the old list~~ `MAX_RETRY_COUNT` for how often.

### What has to be there

1. Python 3.11 or later, with `venv`
2. A database, one of
   - SQLite, which is built in
   - PostgreSQL 15 or later
3. About 2 GB of disk

- [x] Read the settings
- [ ] Start the database
- [ ] Run the slow checks at night

| Check | What it does | Takes | Needs |
|:---|:---|---:|:---:|
| `unit` | functions by themselves | 12 s | |
| `integration` | whole servers on free ports, with a real database behind them | 1 min 40 s | database |
| `browser` | the page in three engines | 3 min | display |

```python
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    name: str
    seconds: float = 1.0  # as it was measured last

    def fits(self, left: float) -> bool:
        \"\"\"Whether it ends in time.\"\"\"
        return self.seconds < left and not self.name.startswith("slow-")
```

> A check that fails sometimes is a check that fails. Mend it, or take it out; do not run it again.
>
> — from the guide

> [!WARNING]
> The slow checks use the network.

The time of all is at least $$T \\ge \\max\\left(\\max_i t_i,\\; \\frac{1}{n}\\sum_i t_i\\right)$$ with $$n$$ cores, as one sees below.[^1]

```mermaid
flowchart LR
  settings --> sort --> run --> report
```

#### In the end

The report is in `report.html`. It names each check that failed, what it said last, and the command that runs it alone.

---

Shall I run them now?

[^1]: Graham's bound says that a greedy order takes less than twice as long."""
LONG = "\n".join(
    f"2026-11-{day:02} 10:{minute:02}:07 worker-{minute % 4} INFO finished job {day * 60 + minute} in {minute * 37 % 900} ms"
    for day in (3, 4)
    for minute in range(40)
)
WIDE = """from dataclasses import dataclass

MAX_RETRY_COUNT = 3


@dataclass(frozen=True)
class Check:
    name: str
    seconds: float


def fits(check, left):
    return check.seconds < left
"""
PLAN = [
    {"text": "Read the settings", "status": "completed"},
    {"text": "Run the checks, and mend what fails", "status": "in_progress"},
    {"text": "Write down what was done", "status": "pending"},
]
QUESTION = {
    "question": "Where shall the report go, and who is told?",
    "fields": [
        {
            "name": "format",
            "kind": "choice",
            "label": "Format",
            "options": ["HTML", "Markdown", "JSON"],
            "required": True,
        },
        {"name": "title", "label": "Title of the report", "required": True},
        {"name": "sections", "kind": "choices", "label": "Sections", "options": ["Summary", "Failures", "Times"]},
        {"name": "mail", "kind": "boolean", "label": "Send it by mail"},
        {"name": "copies", "kind": "integer", "label": "Copies"},
    ],
}
FAILS = "echo 'unit: 128 passed'; echo 'browser: 1 failed' >&2; exit 3"
SLOW = 'for n in 1 2 3; do echo "check $n of 40 passed"; done; sleep 3600'
RUNS = "Run the ones that are still left."
PUSH = "rm -rf build && git push --force origin main"
TOOLS: list[Answer] = [
    calls(
        Call("plan", {"items": PLAN}, id="plan", index=0),
        Call("write", {"path": "checks.py", "content": WIDE}, id="write", index=1),
        before="I write the checks down first.",
    ),
    calls(
        Call(
            "edit",
            {"path": "checks.py", "old_string": "check.seconds < left", "new_string": "check.seconds <= left"},
            id="edit",
            index=0,
        ),
        Call(
            "bash", {"command": "ls -l && python3 -c 'import checks; print(checks.MAX_RETRY_COUNT)'"}, id="ls", index=1
        ),
        Call("bash", {"command": FAILS}, id="fails", index=2),
        Call("read", {"path": "no-such-file.toml"}, id="read", index=3),
    ),
]
APPROVAL = calls(
    Call("bash", {"command": PUSH}, id="push", index=0),
    Call(
        "write",
        {"path": "notes/of-today.md", "content": "# Today\n\n- the checks hold\n- they are pushed\n"},
        id="note",
        index=1,
    ),
    before="All checks hold. I would clean up, push, and leave a note.",
)
ASKS: dict[str, Any] = {
    "rules": [
        {"tool": "bash", "action": "ask", "arguments": {"command": "push"}},
        {"tool": "write", "action": "ask", "arguments": {"path": "notes"}},
    ]
}


@dataclass
class Sessions:
    """Addresses of the sessions that the views show, by their names, and a link for a guest."""

    base: str
    token: str
    of: dict[str, str] = field(default_factory=dict)
    link: str = ""


def says(request: Request) -> Answer:
    """What the model says: by the newest message of the user, and by how many answers came since."""
    said = request.last_user_text
    after = 0
    for message in request.messages:
        after = 0 if message.get("role") == "user" else after + (message.get("role") == "assistant")
    if "rich" in said or "How are" in said:
        return stream(
            Reason("The reader wants the whole of it: what is needed, what runs, how long it takes."),
            Text(RICH),
            Finish(),
            USED,
        )
    if "tool" in said or "Run the checks" in said:
        return (
            TOOLS[after]
            if after < len(TOOLS)
            else text("Two of them fail: `browser`, and a file is missing. I mend them next.")
        )
    if "still left" in said:
        return (
            calls(Call("bash", {"command": SLOW}, id="slow"), before="The long ones take a while.")
            if not after
            else text("Done.")
        )
    if "push" in said:
        return APPROVAL if not after else text("Pushed.")
    if "report" in said:
        return calls(Call("ask_user", QUESTION, id="ask")) if not after else text("It is written.")
    # Messages that nothing answered come as one.
    if said.endswith("wrong key?"):
        return Refusal(401, "Incorrect API key provided: sk-…f31.")
    if said.endswith("nothing"):
        return stream(Finish(), USED)
    if said.endswith("paid?"):
        return Refusal(402, "You have used up your credits.")
    if "slowly" in said:
        return stream(
            Text("The first half of the answer is here already, and the second half "),
            Tokens(1_000, every=4.0),
            Finish(),
        )
    if "plot" in said:
        return text(
            "The losses fall in both runs; the second levels off from step 400 on.\n\n![losses](losses.png)\n\nI would stop it there."
        )
    return text("Yes: " + re.sub(r"\W+", " ", said)[:60].strip().lower() + ".")


async def rests(page: Page) -> None:
    """Until no turn runs."""
    await expect(page.locator(".row[data-kind=waiting]")).to_have_count(0)
    await expect(page.get_by_role("textbox", name="Message")).to_have_attribute("placeholder", "Say something…")


async def say(page: Page, words: str) -> None:
    """Write it and send it."""
    message = page.get_by_role("textbox", name="Message")
    await message.fill(words)
    await message.press("Enter")
    await expect(page.locator(".bubble").last).to_contain_text(words[:20])


async def begin(page: Page, at: Sessions, name: str, *messages: str, ends: str = "") -> None:
    """A session with these messages; `ends`: what is there once it waits, else it rests."""
    await page.goto(f"{at.base}/")
    for words in messages:
        await say(page, words)
        await (expect(page.locator(ends).first).to_be_visible() if ends else rests(page))
    await page.wait_for_url("**/s/*")
    at.of[name] = page.url


async def plot(page: Page) -> bytes:
    """A PNG of two curves."""
    await page.goto("about:blank")
    await page.set_content(
        "<svg width=640 height=320 viewBox='0 0 640 320' style='background:white;font:14px sans-serif'>"
        "<path d='M40 20V290H620' stroke='#444' fill='none'/>"
        "<path d='M40 40C180 230 360 250 620 270' stroke='#1f5fa8' fill='none' stroke-width='3'/>"
        "<path d='M40 60C120 200 200 214 620 216' stroke='#a8261c' fill='none' stroke-width='3'/>"
        "<text x=560 y=262>run 1</text><text x=560 y=206>run 2</text></svg>"
    )
    return await page.locator("svg").screenshot()


async def fetched(page: Page, at: Sessions, path: str, body: object, method: str = "POST") -> Any:
    """What the server answers a request of the page's user."""
    headers = {"authorization": f"Bearer {at.token}", "content-type": "application/json"}
    answer = await page.request.fetch(f"{at.base}/api{path}", method=method, headers=headers, data=json.dumps(body))
    assert answer.ok, f"{path}: {answer.status} {await answer.text()}"
    return await answer.json() if await answer.body() else None


async def log_in(page: Page, at: Sessions) -> None:
    """By the link with the token."""
    await page.goto(f"{at.base}/#token={at.token}")
    await expect(page.locator(".composer")).to_be_visible()


async def make_sessions(page: Page, at: Sessions) -> None:
    """All of them. The page has a login."""
    drawn = await plot(page)
    await log_in(page, at)
    await begin(page, at, "archived", "Which of these datasets has French?")
    await begin(page, at, "pinned", "Compare the two training runs")
    await begin(page, at, "errors", "Is it the wrong key?", "And now say nothing", "Is all of it paid?")
    await begin(page, at, "long", f"Why is the worker so slow?\n\n{LONG}", "And which one is the slowest?")
    await page.goto(f"{at.base}/")
    await page.locator("input[type=file]").set_input_files(
        {"name": "losses.png", "mimeType": "image/png", "buffer": drawn}
    )
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    await say(page, "What does this plot say?")
    await rests(page)
    await page.wait_for_url("**/s/*")
    at.of["images"] = page.url
    await begin(page, at, "versions", "Tidy up the evaluation notebook", "Then run it on the small set")
    await page.get_by_role("textbox", name="Message").press("Control+ArrowUp")
    await page.locator("form.edit textarea").fill("Then run it on the whole set")
    await page.locator("form.edit").get_by_role("button", name="Send").click()
    await expect(
        page.get_by_role("button", name="Earlier version").or_(page.get_by_role("link", name="Earlier version")).first
    ).to_be_visible()
    await begin(page, at, "rich", "How are the checks run? Tell me all of it, with an example.")
    await begin(page, at, "tools", "Run the checks, and mend what fails.")
    await begin(page, at, "streaming", "Tell me slowly.", ends=".row[data-kind=assistant] .markdown")
    await begin(page, at, "approval", "Clean up, push it, and leave a note.", ends=".approvals")
    await begin(page, at, "question", "Write the report.", ends="form.question")
    ids = {name: address.rpartition("/")[2] for name, address in at.of.items()}
    for name in ("archived", "pinned"):
        await fetched(page, at, f"/sessions/{ids[name]}", {"listed": name}, "PATCH")
    headers = {"authorization": f"Bearer {at.token}"}
    table = "step,loss,seconds\n" + "\n".join(
        f"{step},{1 / (1 + step / 50):.4f},{step * 0.31:.1f}" for step in range(0, 500, 25)
    )
    files = {
        "losses.png": drawn,
        "data/losses.csv": table.encode(),
        "notes.md": b"# Notes\n\nThe second run levels off.\n",
    }
    for path, data in files.items():
        await page.request.put(f"{at.base}/api/sessions/{ids['tools']}/files/{path}", data=data, headers=headers)
    at.link = (await fetched(page, at, f"/sessions/{ids['rich']}/shares", {"access": "read"}))["link"]
