// Waiting panel: the calls of all sessions that wait for an approval, their open questions, and the way to each.

/** @import { SessionInfo } from "../api/http.js" */
import { plural } from "../text/format.js";
import { summaryOf } from "../tools/calls.js";
import { exactLine, oneLine } from "../text/visible.js";
import { waitsOf } from "../state/session-list.js";
import { panel, pathOf, sessions, showSession } from "../state/store.js";
import { Dialog } from "../ui/dialog.js";
import { html } from "../ui/html.js";

/** @typedef {{ tool_call_id: string, tool: string, arguments: import("../tools/calls.js").Arguments }} Pending */

/** What waits in these sessions, as a sentence; empty where nothing does. @param {SessionInfo[]} list */
export function saysWaiting(list) {
  const calls = list.reduce((count, one) => count + (one.pending_approval?.length ?? 0), 0);
  const questions = list.reduce((count, one) => count + (one.questions?.length ?? 0), 0);
  if (calls && questions) return `${plural(calls, "call")} and ${plural(questions, "question")} wait`;
  if (questions) return `${plural(questions, "question waits", "questions wait")} for your answer`;
  return calls ? `${plural(calls, "call waits", "calls wait")} for your approval` : "";
}

export function WaitingPanel() {
  const waiting = sessions.value.filter(waitsOf);
  const count = waiting.reduce((sum, one) => sum + waitsOf(one), 0);
  const open = (/** @type {string} */ id) => (/** @type {MouseEvent} */ event) => {
    event.preventDefault();
    panel.value = "";
    showSession(id);
  };
  return html`<${Dialog} title=${`Waiting for you${count ? ` (${count})` : ""}`} class="side">
    ${!waiting.length && html`<p class="faint">Nothing waits for you.</p>`}
    ${waiting.map((one) => html`<section class="waiting-session" key=${one.session_id} aria-label=${oneLine(one.title) || "Untitled"}>
      <h3><a href=${pathOf(one.session_id)} onClick=${open(one.session_id)}><bdi>${oneLine(one.title) || "Untitled"}</bdi></a></h3>
      <ul>${/** @type {Pending[]} */ (one.pending_approval).map((call) => html`<li key=${call.tool_call_id}><span class="tool-name">${exactLine(call.tool)}</span> <code>${summaryOf(call.tool, call.arguments)}</code></li>`)}
        ${one.questions?.map((asked) => html`<li key=${asked.question_id}><span class="tool-name">${exactLine(asked.asker)}</span> asks: ${exactLine(asked.message)}</li>`)}</ul>
    </section>`)}
  <//>`;
}
