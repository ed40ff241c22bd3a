// News: what came to pass in sessions that nobody looks at: marks, and notifications for who wants them.

/** @import { News } from "./session-list.js" */
import { effect, signal } from "@preact/signals";
import { base } from "../api/base.js";
import { oneLine } from "../text/visible.js";
import { newsOf } from "./session-list.js";
import { settings } from "./settings.js";
import { load, store } from "./storage.js";
import { current, sessions, showSession } from "./store.js";

/** While the page is not shown the list is asked for this often, for who wants notifications. */
const HIDDEN_MS = 15_000;
/** When a tab of this browser was looked at, as `Date.now()` counts. */
const LOOKED = "holdfast.looked";
const LOOKED_MS = 8_000;
const SAYS = { done: "The answer is complete.", waits: "A call waits for your approval.", asks: "A question waits for your answer." };
/** Sessions whose last answer nobody has seen in this tab. @type {import("@preact/signals").Signal<Set<string>>} */
export const unseen = signal(new Set());

/** What was seen to its end in this tab, as `newsOf` takes it. @type {Map<string, number>} */
const seen = new Map();

/** The page shows this of a session. @param {string | null} id @param {number | null} messages that it has; null: a turn runs */
export function saw(id, messages) {
  if (id === null) return;
  if (messages === null) seen.delete(id);
  else if (!document.hidden) seen.set(id, messages);
}

let before = sessions.peek();
effect(() => {
  const now = sessions.value;
  const news = newsOf(before, now, seen).filter(({ id }) => document.hidden || id !== current.peek());
  before = now;
  if (news.length) unseen.value = new Set([...unseen.peek(), ...news.flatMap(({ id, kind }) => (kind === "done" ? [id] : []))]);
  news.forEach(notify);
});

/** Who looks at a session has seen it. */
function see() {
  const id = current.value;
  if (!document.hidden && id !== null && unseen.peek().has(id)) unseen.value = new Set([...unseen.peek()].filter((one) => one !== id));
}
effect(see);
document.addEventListener("visibilitychange", see);
// Whoever leaves this tab looks at none until another one says so.
document.addEventListener("visibilitychange", () => document.hidden && store("localStorage", LOOKED, null));

/** @param {News} news */
function notify({ id, title, kind }) {
  if (settings.peek().notify !== "yes" || !document.hidden || looksElsewhere()) return;
  const says = oneLine(title) || "Untitled";
  // One for each session: other tabs show the same.
  const more = { body: SAYS[kind], tag: id };
  try {
    const shown = new Notification(says, more);
    shown.onclick = () => {
      window.focus();
      showSession(id);
      shown.close();
    };
  } catch {
    // On phones they come from service workers alone; without one, or where they were forbidden meanwhile, the marks are there.
    if (globalThis.Notification?.permission !== "granted") return;
    const shown = navigator.serviceWorker?.getRegistration(`${base}/`).then((worker) => worker?.showNotification(says, { ...more, data: id }));
    shown?.catch(() => {});
  }
}

// The service worker tells which session's notification was pressed.
navigator.serviceWorker?.addEventListener("message", ({ data }) => typeof data?.session === "string" && showSession(data.session));

/** Whether another tab of this browser is being looked at. */
const looksElsewhere = () => Date.now() - Number(load("localStorage", LOOKED, 0)) < LOOKED_MS;

let asked = 0;
/** Whether it is time to ask for the list of sessions again. It is asked every few seconds. */
export function isTimeToAsk() {
  const wanted = settings.peek().notify === "yes";
  if (!document.hidden && wanted) store("localStorage", LOOKED, Date.now());
  if (document.hidden && (!wanted || Date.now() - asked < HIDDEN_MS)) return false;
  asked = Date.now();
  return true;
}
