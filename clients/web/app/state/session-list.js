// Session list: what of a list that was asked for again is new, and what of that a person wants to know. Pure.

/** @import { SessionInfo } from "../api/http.js" */

/**
 * The newer list, with the older list's objects for what is the same, so that nothing is drawn again for them; the older list
 * itself where all is the same.
 * @param {SessionInfo[]} before @param {SessionInfo[]} list
 */
export function kept(before, list) {
  const known = new Map(before.map((one) => [one.session_id, one]));
  const now = list.map((one) => {
    const old = known.get(one.session_id);
    return old !== undefined && same(old, one) ? old : one;
  });
  return now.length === before.length && now.every((one, at) => one === before[at]) ? before : now;
}

/** How much waits for the user: calls for an approval, questions for an answer. @param {Pick<SessionInfo, "pending_approval" | "questions">} one */
export const waitsOf = ({ pending_approval, questions }) => (pending_approval?.length ?? 0) + (questions?.length ?? 0);

/** What waits, as far as it is shown. @param {SessionInfo} one */
const waiting = ({ pending_approval, questions }) => `${pending_approval?.length ?? 0} ${questions?.map(({ question_id }) => question_id).join(" ") ?? ""}`;

/** What the list shows of a session. @type {(keyof SessionInfo)[]} */
const SHOWN = ["title", "last_active_at", "is_processing", "state", "listed"];

/** @param {SessionInfo} one @param {SessionInfo} other */
function same(one, other) {
  return SHOWN.every((name) => one[name] === other[name]) && waiting(one) === waiting(other);
}

/**
 * The sessions as the list shows them: those that are pinned first, and those in the archive last, if at all; otherwise as they were.
 * @param {SessionInfo[]} sessions @param {boolean} archived whether the archive is shown
 */
export function arranged(sessions, archived) {
  const those = (/** @type {SessionInfo["listed"]} */ how) => sessions.filter(({ listed }) => listed === how);
  return [...those("pinned"), ...those(undefined), ...(archived ? those("archived") : [])];
}

/** Something that came to pass in a session: an answer is complete, a call waits, or a question. @typedef {{ id: string, title: string, kind: "done" | "waits" | "asks", messages: number }} News */

/**
 * `seen`: sessions that were at rest when they were last looked at, and how many messages they had then. The list tells later
 * than the page that an answer is complete: one that was seen is no news.
 * @param {SessionInfo[]} before @param {SessionInfo[]} now @param {Map<string, number>} seen @returns {News[]}
 */
export function newsOf(before, now, seen) {
  const known = new Map(before.map((one) => [one.session_id, one]));
  return now.flatMap((one) => newsOfOne(known.get(one.session_id), one)).filter(({ id, kind, messages }) => kind !== "done" || messages > (seen.get(id) ?? -1));
}

/** @param {SessionInfo | undefined} old @param {SessionInfo} one @returns {News[]} */
function newsOfOne(old, one) {
  if (old === undefined || old === one) return [];
  const { session_id: id, title, pending_approval, questions, is_processing, message_count: messages } = one;
  const waits = pending_approval?.length ?? 0;
  if (waits > (old.pending_approval?.length ?? 0)) return [{ id, title, kind: "waits", messages }];
  if (questions?.some((asked) => !old.questions?.some((known) => known.question_id === asked.question_id))) return [{ id, title, kind: "asks", messages }];
  const ended = !is_processing && !waits && (old.is_processing || messages > old.message_count);
  return ended ? [{ id, title, kind: "done", messages }] : [];
}
