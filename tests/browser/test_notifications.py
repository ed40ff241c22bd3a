"""Notifications: in a tab that nobody looks at, of any session, by the page or, on phones, by its service worker; they open their session."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.tabs import Tabs
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import Call, Finish, Gate, ScriptedModel, Text, Usage, stream, text
from tests.support.polling import eventually

DESK = """
window.away = false;
window.later = 0;
window.told = [];
const { now } = Date;
Date.now = () => now() + window.later;
const every = setInterval;
window.setInterval = (act, ms) => every(act, ms / 20);
Object.defineProperty(Document.prototype, "hidden", { get: () => window.away });
window.Notification = class {
  constructor(title, { body, tag }) { told.push(this); Object.assign(this, { title, body, tag }); }
  close() { this.closed = true; }
};
Notification.permission = "granted";
Notification.requestPermission = async () => "granted";
"""
"""`later`: so many ms it is later for the page, which asks for the list of sessions less often while it is hidden; its intervals are short."""
TOLD = "told.map(({ title, body, tag }) => [title, body, tag]).sort()"
ICON = "new URL(document.querySelector('link[rel=icon]').href).pathname"
PHONE = """
window.away = false;
window.told = [];
Object.defineProperty(Document.prototype, "hidden", { get: () => window.away });
const { requestAnimationFrame: ask } = window;
window.requestAnimationFrame = (act) => {
  if (window.leaves) leave(true);
  return ask(function frame(at) { if (window.away) ask(frame); else act(at); });
};
window.leave = (away) => {
  Object.assign(window, { away, leaves: false });
  document.dispatchEvent(new Event("visibilitychange"));
};
window.Notification = class { constructor() { throw new TypeError("Illegal constructor"); } };
Notification.permission = "granted";
Notification.requestPermission = async () => "granted";
ServiceWorkerRegistration.prototype.showNotification = async (title, { body, tag, data }) => {
  told.push([title, body, tag, data]);
  throw new TypeError("No notification permission has been granted for this origin.");
};
Object.defineProperty(window, "localStorage", { get() { throw new DOMException("Denied.", "SecurityError"); } });
"""
"""Chrome on Android has the class, and no notifications that a page makes. This browser can show none, and so remembers them and fails;
nor does it keep anything for the page but in the tab, as where site data are blocked.
A page that is not shown gets no frames; `leaves`: it is left when it waits for the next one."""
LEAVE = "(away) => { window.away = away; document.dispatchEvent(new Event('visibilitychange')); }"
PRESS = """(session) => {
  const notification = { data: session, close() {} };
  dispatchEvent(Object.assign(new Event("notificationclick"), { notification, waitUntil: (done) => void done.catch(() => {}) }));
}"""
"""A press of its notification; without a person's press the browser lets no window come to the front."""


async def test_a_phone_is_told_by_the_service_worker_and_a_press_opens_the_session(tabs: Tabs, tmp_path: Path) -> None:
    async with (
        ScriptedModel([text("First."), text("Second.")]) as model,
        listening(settings_for(tmp_path, model)) as live,
    ):
        chat = await tabs.open(live.http, script=PHONE, worker=True)
        page = chat.page
        await chat.button("Settings").click()
        await page.get_by_label("Notify me").check()
        await chat.button("Close").click()
        await chat.say("one")
        await chat.idle()
        told = chat.session_id
        await page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
        await page.evaluate("() => void (leaves = true)")
        await chat.say("two")
        await expect(page).to_have_title("✓ one · Holdfast")
        await page.wait_for_function("() => told.length")
        assert await page.evaluate("told") == [["one", "The answer is complete.", told, told]]
        # The list marks it too, until it was looked at.
        await expect(chat.sessions).to_contain_text("new ·")
        await page.evaluate("leave(false)")
        await expect(chat.sessions).not_to_contain_text("new ·")
        await chat.button("New session").click()
        await expect(chat.line).to_contain_text("A session begins")
        (worker,) = page.context.service_workers
        await worker.evaluate(PRESS, told)
        await expect(chat.answers).to_have_text(["First.", "Second."])
        assert chat.session_id == told
        await tabs.close()


async def test_what_happens_in_other_sessions_is_told_in_a_tab_that_nobody_looks_at(tabs: Tabs, tmp_path: Path) -> None:
    done, waits, asks = Gate(), Gate(), Gate()
    script = [
        stream(Text("One."), done, Finish(), Usage()),
        stream(waits, Call("write", {"path": "note.txt", "content": "a note"}), Finish("tool_calls"), Usage()),
        stream(asks, Call("ask_user", {"question": "Which of them?"}), Finish("tool_calls"), Usage()),
        text("Three."),
        text("Well."),
        text("Good."),
    ]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        chat = await tabs.open(live.http, script=DESK)
        page = chat.page
        await chat.button("Settings").click()
        await page.get_by_label("Notify me").check()
        await chat.button("Close").click()
        others = []
        for said, gate in (("one", done), ("two", waits), ("four", asks)):
            await chat.say(said)
            await gate.reached.wait()
            await expect(page).to_have_url(
                re.compile("/s/")
            )  # the model may be asked before the page knows of its session
            others.append(chat.session_id)
            await chat.button("New session").click()
            await expect(chat.line).to_contain_text("A session begins")
        await chat.say("three")
        await chat.idle()
        await expect(chat.sessions.filter(has_text="working")).to_have_count(3)
        assert await page.evaluate("told.length") == 0
        await page.evaluate(LEAVE, True)
        done.open()
        waits.open()
        asks.open()

        async def happened() -> bool:
            listed = (await (await page.request.get(f"{live.http}/api/sessions")).json())["sessions"]
            by_id = {each["session_id"]: each for each in listed}
            one, two, four = (by_id[other] for other in others)
            return bool(not one["is_processing"] and two["pending_approval"] and four.get("questions"))

        await eventually(happened, "one session to be done, another to wait, the third to ask")
        await page.evaluate("() => void (later = 60_000)")
        await expect(page).to_have_title("(2) ✓ three · Holdfast")
        assert await page.evaluate(ICON) == "/static/icon-waits.svg"
        assert await page.evaluate(TOLD) == [
            ["four", "A question waits for your answer.", others[2]],
            ["one", "The answer is complete.", others[0]],
            ["two", "A call waits for your approval.", others[1]],
        ]
        await page.evaluate(LEAVE, False)
        await expect(chat.sessions.filter(has_text="four")).to_contain_text("1 waiting for you")
        await chat.button("1 call and 1 question wait").click()
        asked = page.get_by_role("dialog", name="Waiting for you (2)").get_by_role("region", name="four")
        await expect(asked.get_by_role("listitem")).to_have_text("the agent asks: Which of them?")
        await asked.get_by_role("link").click()
        await page.get_by_role("button", name="Dismiss").click()
        await expect(chat.answers).to_have_text("Well.")
        await expect(chat.sessions.filter(has_text="four")).not_to_contain_text(re.compile("waiting|working"))
        await page.evaluate("told.find(({ title }) => title === 'two').onclick()")
        await expect(chat.approvals).to_have_count(1)
        assert chat.session_id == others[1]
        assert await page.evaluate("told.map(({ title, closed }) => [title, Boolean(closed)]).sort()") == [
            ["four", False],
            ["one", False],
            ["two", True],
        ]
        await chat.approvals.get_by_role("button", name="Reject…").click()
        await chat.approvals.get_by_role("button", name="Reject", exact=True).click()
        await expect(page).to_have_title("✓ two · Holdfast")
        assert await page.evaluate(ICON) == "/static/icon-done.svg"
        await chat.sessions.filter(has_text="one").get_by_role("link").click()
        await expect(page).to_have_title("one · Holdfast")
        assert await page.evaluate(ICON) == "/static/icon.svg"
        await tabs.close()
