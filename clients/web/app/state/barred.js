// Barred: why nothing can be said in a session, and how one goes on in a new one.

/** @import { Conversation } from "./conversation.js" */
import { loadDraft, saveDraft } from "./storage.js";
import { guest, showSession } from "./store.js";

/** Empty: something can be said. @param {Conversation} conversation */
export function whyBarred({ gone, view, session, access }) {
  if (gone) return "Nothing more can be said here.";
  if (view.state === "closed") return "This session was ended. It can be read.";
  if (session.sessionId === null) return guest.value ? "Your link lets you into one session, and not into new ones. Open it again." : "";
  return access === "read" ? "You may read this session." : "";
}

/** A new session; what was written here and reached nobody is taken along. @param {Conversation} conversation */
export function startOver({ session }) {
  const unsent = session.unsettled.flatMap((one) => (one.type === "user_input" ? [one.text] : []));
  const draft = [...unsent, loadDraft(session.sessionId)].filter(Boolean).join("\n\n");
  if (draft) saveDraft(null, draft);
  showSession(null);
}
