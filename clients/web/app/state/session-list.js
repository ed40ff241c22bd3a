// Session list: what of a list that was asked for again is new. Pure.

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

/** What the list shows of a session. @type {(keyof SessionInfo)[]} */
const SHOWN = ["title", "last_active_at", "is_processing", "state"];

/** @param {SessionInfo} one @param {SessionInfo} other */
function same(one, other) {
  return SHOWN.every((name) => one[name] === other[name]) && (one.pending_approval?.length ?? 0) === (other.pending_approval?.length ?? 0);
}
