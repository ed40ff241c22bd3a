// Commands: what one can do by a word after a "/", and the prompts that lie in the workspace.

/** @import { Conversation } from "../state/conversation.js" */
import { asMarkdown, exportSession } from "../api/export.js";
import { filesIn, fileText } from "../api/http.js";
import { finding } from "../messages/find.js";
import { config, forkSession, guest, listAs, panel, sessions, showError, showSession } from "../state/store.js";
import { copy } from "../ui/clipboard.js";

/** `when`: whether it makes sense now. @typedef {{ name: string, about: string, when?: (conversation: Conversation) => boolean, run: (conversation: Conversation) => unknown }} Command */

/** Where a workspace has its prompts. */
const PROMPTS = /^\.holdfast\/prompts\/([^/]+)\.md$/;

const begun = (/** @type {Conversation} */ { session }) => session.sessionId !== null;
const rests = (/** @type {Conversation} */ conversation) => begun(conversation) && !conversation.running;
const owns = (/** @type {Conversation} */ conversation) => begun(conversation) && conversation.access === "owner";
const openPanel = (/** @type {typeof panel.value} */ name) => () => (panel.value = name);

/** @param {"pinned" | "archived"} how @returns {(conversation: Conversation) => unknown} */
const listed = (how) => ({ session }) => {
  const now = sessions.value.find((one) => one.session_id === session.sessionId)?.listed;
  return listAs(String(session.sessionId), now === how ? "" : how).catch(showError);
};

/** The browser's own list of models. */
function chooseModel() {
  const list = /** @type {HTMLSelectElement | null} */ (document.querySelector('select[aria-label="Model"]'));
  const menu = list?.closest("details");
  if (menu) menu.open = true;
  list?.focus();
  try {
    list?.showPicker();
  } catch {
    // the browser opens it by a key
  }
}

/** @type {Command[]} */
export const COMMANDS = [
  { name: "new", about: "Begin a new session", when: () => !guest.value, run: () => showSession(null) },
  { name: "stop", about: "Stop the turn", when: ({ running }) => running, run: (conversation) => conversation.now({ type: "interrupt" }) },
  { name: "undo", about: "Take the last turn back", when: rests, run: (conversation) => conversation.now({ type: "undo" }) },
  { name: "retry", about: "Say the last thing again", when: rests, run: (conversation) => conversation.retry() },
  { name: "fork", about: "Go on in a copy of this session", when: (conversation) => rests(conversation) && owns(conversation), run: ({ session, view }) => forkSession(String(session.sessionId), view.seq).catch(showError) },
  { name: "compact", about: "Summarise the older part for the model", when: rests, run: (conversation) => conversation.now({ type: "compact" }) },
  { name: "model", about: "Choose the model", when: ({ choosesModel }) => choosesModel, run: chooseModel },
  { name: "find", about: "Find in this conversation", when: begun, run: () => (finding.value += 1) },
  { name: "files", about: "The files of the workspace", run: openPanel("files") },
  { name: "approvals", about: "What waits for you, in all sessions", when: () => !guest.value, run: openPanel("waiting") },
  { name: "share", about: "Make links to this session", when: (conversation) => owns(conversation) && config.value?.auth.token !== false, run: openPanel("share") },
  { name: "export", about: "Save the session as Markdown", when: begun, run: ({ session }) => exportSession(String(session.sessionId), "md").catch(showError) },
  { name: "copy", about: "Copy the conversation, as Markdown", when: begun, run: ({ view }) => copy(asMarkdown(view)) },
  { name: "pin", about: "Keep this session before all others in the list, or not any more", when: owns, run: listed("pinned") },
  { name: "archive", about: "Put this session into the archive, or take it out", when: owns, run: listed("archived") },
  { name: "settings", about: "Colours, text, Enter, notifications", run: openPanel("settings") },
  { name: "keys", about: "The keyboard shortcuts", run: openPanel("keys") },
  { name: "end", about: "End this session, after a question", when: owns, run: openPanel("end") },
];

/** A prompt of the workspace. @typedef {{ name: string, path: string }} WorkspacePrompt */

/** @param {string} id of the session @returns {Promise<WorkspacePrompt[]>} */
export async function workspacePrompts(id) {
  const { files } = await filesIn(id);
  return files.flatMap(({ path, kind }) => {
    const found = kind === "file" ? PROMPTS.exec(path) : null;
    return found ? [{ name: found[1], path }] : [];
  });
}

/** @param {string} id of the session @param {string} path */
export const workspacePrompt = async (id, path) => (await fileText(id, path)).trimEnd();
