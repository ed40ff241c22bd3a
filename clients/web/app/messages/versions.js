// Versions: the way from a message to what was said in its place before, and from there back to the newer version.

/** @import { Conversation } from "../state/conversation.js" */
import { earlierVersions } from "../state/branches.js";
import { sessions, showSession } from "../state/store.js";
import { html, Icon } from "../ui/html.js";

/** @param {{ turnId: string, conversation: Conversation }} props */
export function Versions({ turnId, conversation }) {
  const { view, session } = conversation;
  const earlier = earlierVersions(sessions.value, session.sessionId, view.messages, turnId);
  return earlier.map(({ session_id: id }, at) => html`<button type="button" class="quiet earlier" key=${id} onClick=${() => showSession(id)}><${Icon} name="undo" /> ${earlier.length > 1 ? `Earlier version ${at + 1}` : "Earlier version"}</button>`);
}

/** Above an earlier version: what it is, and the way back. @param {{ conversation: Conversation }} props */
export function NewerVersion({ conversation }) {
  const own = sessions.value.find((one) => one.session_id === conversation.session.sessionId);
  const newer = own?.forked_from?.branch && sessions.value.find((one) => one.session_id === own.forked_from?.session_id);
  if (!newer) return null;
  return html`<p class="version faint" role="note">This is an earlier version of a conversation. <button type="button" class="link" onClick=${() => showSession(newer.session_id)}>Go to the newer version</button></p>`;
}
