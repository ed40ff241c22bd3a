// Store: the state that the whole page shares: the user, the server's configuration, the sessions, notices.

/** @import { Config, Me, SessionInfo } from "../api/http.js" */
import { computed, signal } from "@preact/signals";
import { base } from "../api/base.js";
import { http, HttpError, ifChanged, patchJson, post, sessionPath } from "../api/http.js";
import { withBranches } from "./branches.js";
import { kept } from "./session-list.js";
import { forget } from "./storage.js";

/** @typedef {{ id: number, text: string, tone: "info" | "bad", action?: { label: string, run: () => void } }} Notice */

/** @type {import("@preact/signals").Signal<Config | null>} */
export const config = signal(/** @type {Config | null} */ (null));
/** @type {import("@preact/signals").Signal<Me | null>} */
export const me = signal(/** @type {Me | null} */ (null));
/** Whether this one came by a link into one session, and has none of their own. */
export const guest = computed(() => me.value?.rights?.includes("sessions") === false);
/** Why a login is needed; null: it is not. @type {import("@preact/signals").Signal<string | null>} */
export const loginNeeded = signal(/** @type {string | null} */ (null));
/** @type {import("@preact/signals").Signal<SessionInfo[]>} */
export const sessions = signal(/** @type {SessionInfo[]} */ ([]));
/** Sessions that are not shown, because they are about to be deleted. @type {import("@preact/signals").Signal<Set<string>>} */
export const deleting = signal(/** @type {Set<string>} */ (new Set()));
/** @type {import("@preact/signals").Signal<Notice[]>} */
export const notices = signal(/** @type {Notice[]} */ ([]));
/** What a screen reader is told. */
export const announced = signal("");
export const sidebarOpen = signal(false);
/** Whether the screen is a phone's. */
export const narrow = signal(false);
/** Whether the header has no room for more than the title beside the list of sessions. */
export const tight = signal(false);
for (const [width, is] of /** @type {[string, typeof narrow][]} */ ([["48rem", narrow], ["60rem", tight]])) {
  const query = matchMedia(`(max-width: ${width})`);
  is.value = query.matches;
  query.addEventListener("change", () => (is.value = query.matches));
}
/** What is shown above the page, if anything. */
export const panel = signal(/** @type {"" | "keys" | "about" | "files" | "share" | "end" | "settings" | "waiting"} */ (""));
/** The session that the address names; null: one that is yet to begin. */
export const current = signal(idOf(location.pathname));

/** How long a deletion can be taken back. */
const UNDO_MS = 8_000;
const NOTICE_MS = 8_000;
let noticeCount = 0;

/** @param {string} path */
function idOf(path) {
  const found = path.startsWith(`${base}/`) && /^\/s\/([^/]+)$/.exec(path.slice(base.length));
  return found ? decodeURIComponent(found[1]) : null;
}

/** The page's address for a session, or with null for a new one. @param {string | null} id */
export const pathOf = (id) => (id === null ? `${base}/` : `${base}/s/${encodeURIComponent(id)}`);

/** Show a session, or with null the beginning of a new one; `at`: the key of the row to go to. @param {string | null} id */
export function showSession(id, { replace = false, at = "" } = {}) {
  const path = pathOf(id);
  const hash = at && `#at=${encodeURIComponent(at)}`;
  if (path !== location.pathname || hash) history[replace ? "replaceState" : "pushState"](null, "", path + hash);
  if (hash && current.value === id) dispatchEvent(new Event("hashchange"));
  current.value = id;
  sidebarOpen.value = false;
}

addEventListener("popstate", () => (current.value = idOf(location.pathname)));

/**
 * Say something in passing; what is said already is not said twice.
 * @param {string} text @param {Partial<Notice>} [more] @param {number} [ms]
 */
export function notify(text, more = {}, ms = NOTICE_MS) {
  const notice = { id: ++noticeCount, text, tone: /** @type {const} */ ("info"), ...more };
  notices.value = [...notices.value.filter((one) => one.text !== text).slice(-3), notice];
  setTimeout(() => dismiss(notice.id), ms);
  return notice.id;
}

/** @param {number} id */
export function dismiss(id) {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/** Tell of a fault, unless it is one that the page shows elsewhere. @param {unknown} error */
export function showError(error) {
  if (error instanceof HttpError && error.status === 401) loginNeeded.value = error.message;
  else notify(error instanceof Error ? error.message : String(error), { tone: "bad" });
}

/** Ask for the list of sessions. */
export async function refreshSessions() {
  if (loginNeeded.value !== null || me.value === null || guest.value) return;
  const answer = await ifChanged("/api/sessions");
  if (answer === null) return;
  sessions.value = kept(sessions.value, answer.sessions);
}

/** Pin a session, archive it, or neither. @param {string} id @param {"" | "pinned" | "archived"} listed */
export async function listAs(id, listed) {
  await patchJson(sessionPath(id), { listed });
  await refreshSessions();
}

/** Go on in a copy of a session. @param {string} id @param {number} seq where it rests */
export async function forkSession(id, seq) {
  const made = await post(`${sessionPath(id)}/fork`, { seq });
  await refreshSessions();
  showSession(made.session_id);
}

/** Sessions by their titles and by what was said in them; `lagging`: how many are not searched yet. @param {string} words @returns {Promise<{ sessions: SessionInfo[], lagging?: number }>} */
export const searchSessions = (words) => http(`/api/sessions?search=${encodeURIComponent(words)}`);

/** Delete a session, after a while in which it can be taken back. @param {SessionInfo} session */
export function remove(session) {
  const id = session.session_id;
  const shown = current.value === id;
  deleting.value = new Set([...deleting.value, id]);
  if (shown) showSession(null);
  const stay = () => (deleting.value = new Set([...deleting.value].filter((one) => one !== id)));
  const timer = setTimeout(() => deleteNow(id).catch(showError).finally(stay), UNDO_MS);
  const keep = () => {
    clearTimeout(timer);
    stay();
    dismiss(notice);
    if (shown && current.value === null) showSession(id);
  };
  const notice = notify(`“${session.title || "Untitled"}” will be deleted.`, { action: { label: "Undo", run: keep } }, UNDO_MS);
}

/** @param {string} id */
async function deleteNow(id) {
  for (const one of withBranches(sessions.value, id).reverse()) {
    await http(sessionPath(one), { method: "DELETE" });
    sessions.value = sessions.value.filter((session) => session.session_id !== one);
    forget(one);
  }
}

// Who leaves the page has seen the session go: it is not kept for want of a few seconds.
addEventListener("pagehide", () => {
  for (const id of [...deleting.value].flatMap((one) => withBranches(sessions.value, one))) void http(sessionPath(id), { method: "DELETE", keepalive: true }).catch(() => {});
});
