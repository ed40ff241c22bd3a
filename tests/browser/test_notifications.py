"""Notifications on phones, where they come from service workers alone: they are shown, and open their session."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.tabs import Tabs
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import ScriptedModel, text

PHONE = """
window.away = false;
window.told = [];
Object.defineProperty(Document.prototype, "hidden", { get: () => window.away });
window.Notification = class { constructor() { throw new TypeError("Illegal constructor"); } };
Notification.permission = "granted";
Notification.requestPermission = async () => "granted";
ServiceWorkerRegistration.prototype.showNotification = async (title, { body, tag, data }) => told.push([title, body, tag, data]);
"""
"""Chrome on Android has the class, and no notifications that a page makes. This browser can show none, and so remembers them."""
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
        chat = await tabs.open(live.http, script=PHONE)
        page = chat.page
        await chat.button("Settings").click()
        await page.get_by_label("Notify me").check()
        await chat.button("Close").click()
        await chat.say("one")
        await chat.idle()
        told = chat.session_id
        await page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
        await page.evaluate(LEAVE, True)
        await chat.say("two")
        await expect(page).to_have_title("✓ one · Holdfast")
        await page.wait_for_function("told.length")
        assert await page.evaluate("told") == [["one", "The answer is complete.", told, told]]
        # The list marks it too, until it was looked at.
        await expect(chat.sessions).to_contain_text("new ·")
        await page.evaluate(LEAVE, False)
        await expect(chat.sessions).not_to_contain_text("new ·")
        await chat.button("New session").click()
        await expect(chat.line).to_contain_text("A session begins")
        (worker,) = page.context.service_workers
        await worker.evaluate(PRESS, told)
        await expect(chat.answers).to_have_text(["First.", "Second."])
        assert chat.session_id == told
        await tabs.close()
