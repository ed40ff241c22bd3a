// Marks: the page's title and icon, which say in the browser's bar of tabs what works, what waits and what is done.

import { useEffect } from "preact/hooks";
import { base } from "../api/base.js";
import { waitsOf } from "../state/session-list.js";
import { unseen } from "../state/news.js";
import { current, sessions } from "../state/store.js";

const MARKS = /** @type {Record<string, string>} */ ({ awaiting_approval: "● ", running: "… " });

/** How many other sessions wait for the user. */
export const waitingElsewhere = () => sessions.value.filter((one) => one.session_id !== current.value && waitsOf(one) > 0).length;

/** The page's own icon; tests of single modules have none. */
const link = /** @type {HTMLLinkElement | null} */ (globalThis.document?.querySelector("link[rel=icon]"));
const plain = link ? new URL(link.href).href : "";

/** Keep the title and the icon of the tab. @param {string} title of the session @param {string} state */
export function useMarks(title, state) {
  const waiting = waitingElsewhere();
  const done = unseen.value.size > 0;
  useEffect(() => {
    const mark = MARKS[state] ?? (done ? "✓ " : "");
    document.title = `${waiting ? `(${waiting}) ` : ""}${mark}${title} · Holdfast`;
    const kind = waiting || state === "awaiting_approval" ? "-waits" : done ? "-done" : "";
    if (link) link.href = kind ? `${location.origin}${base}/static/icon${kind}.svg` : plain;
  }, [title, state, waiting, done]);
  return waiting;
}
