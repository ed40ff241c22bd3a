// Versions: keeps how a session went on, before something else is said in the place of what was said.

/** @import { Conversation } from "./conversation.js" */
import { post, sessionPath } from "../api/http.js";
import { hasAnswer } from "./branches.js";
import { refreshSessions } from "./store.js";

/** Only who owns the session can have versions of it. Throws `HttpError`. @param {Conversation} conversation @param {string} turnId of what is said in another way */
export async function keepVersion({ session, view, access }, turnId) {
  if (session.sessionId === null || access !== "owner" || !hasAnswer(view.messages, turnId)) return;
  await post(`${sessionPath(session.sessionId)}/fork`, { seq: view.seq, branch: true });
  await refreshSessions();
}
