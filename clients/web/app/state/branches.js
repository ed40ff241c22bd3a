// Branches: earlier versions of a session, kept as sessions of their own when what was said is said in another way. Pure.

/** @import { SessionInfo } from "../api/http.js" */
/** @import * as Wire from "../../../js/protocol.d.ts" */

/** The seq at which a turn began, which its id says. @param {string} turnId */
const beginOf = (turnId) => Number(turnId.replace(/^turn-/, ""));

/** Those that the list shows: an earlier version is shown in its session, as long as there is that. @param {SessionInfo[]} sessions */
export function withoutBranches(sessions) {
  if (!sessions.some((one) => one.forked_from?.branch)) return sessions;
  const there = new Set(sessions.map((one) => one.session_id));
  return sessions.filter(({ forked_from }) => !forked_from?.branch || !there.has(forked_from.session_id));
}

/** The ids of a session and of all its earlier versions. @param {SessionInfo[]} sessions @param {string} id @returns {string[]} */
export function withBranches(sessions, id) {
  const own = sessions.filter(({ forked_from }) => forked_from?.branch && forked_from.session_id === id);
  return [id, ...own.flatMap((one) => withBranches(sessions, one.session_id))];
}

/**
 * The earlier versions whose way ended where this message stands: it is the first that was said after they were kept.
 * @param {SessionInfo[]} sessions @param {string | null} id of the session @param {Wire.Message[]} messages @param {string} turnId of the message
 */
export function earlierVersions(sessions, id, messages, turnId) {
  const turns = messages.flatMap((message) => (message.role === "user" ? [message.turn_id] : []));
  const at = turns.indexOf(turnId);
  const before = at > 0 ? beginOf(turns[at - 1]) : 0;
  const here = sessions.filter(({ forked_from: from }) => from?.branch && from.session_id === id && before <= from.seq && from.seq < beginOf(turnId));
  return here.sort((one, other) => Number(one.forked_from?.seq) - Number(other.forked_from?.seq));
}

/** Whether a turn and what follows it hold something that is lost by saying it in another way. @param {Wire.Message[]} messages @param {string} turnId */
export function hasAnswer(messages, turnId) {
  const from = messages.findIndex((message) => message.role === "user" && message.turn_id === turnId);
  return from >= 0 && messages.slice(from).some((message) => message.role === "tool" || (message.role === "assistant" && message.text.trim() !== ""));
}
