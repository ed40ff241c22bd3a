// Waiting panel: the calls of all sessions that wait for an approval, and the way to each.

import { plural } from "../text/format.js";
import { summaryOf } from "../tools/calls.js";
import { exactLine, oneLine } from "../text/visible.js";
import { panel, pathOf, sessions, showSession } from "../state/store.js";
import { Dialog } from "../ui/dialog.js";
import { html } from "../ui/html.js";

/** @typedef {{ tool_call_id: string, tool: string, arguments: import("../tools/calls.js").Arguments }} Pending */

/** How many calls wait, in all sessions. */
export const waitingCalls = () => sessions.value.reduce((count, one) => count + (one.pending_approval?.length ?? 0), 0);

export function WaitingPanel() {
  const waiting = sessions.value.filter((one) => one.pending_approval?.length);
  const open = (/** @type {string} */ id) => (/** @type {MouseEvent} */ event) => {
    event.preventDefault();
    panel.value = "";
    showSession(id);
  };
  return html`<${Dialog} title=${`Waiting for your approval${waiting.length ? ` (${waitingCalls()})` : ""}`} class="side">
    ${!waiting.length && html`<p class="faint">Nothing waits for you.</p>`}
    ${waiting.map((one) => html`<section class="waiting-session" key=${one.session_id} aria-label=${oneLine(one.title) || "Untitled"}>
      <h3><a href=${pathOf(one.session_id)} onClick=${open(one.session_id)}><bdi>${oneLine(one.title) || "Untitled"}</bdi></a> <span class="faint">${plural(one.pending_approval.length, "call")}</span></h3>
      <ul>${/** @type {Pending[]} */ (one.pending_approval).map((call) => html`<li key=${call.tool_call_id}><span class="tool-name">${exactLine(call.tool)}</span> <code>${summaryOf(call.tool, call.arguments)}</code></li>`)}</ul>
    </section>`)}
  <//>`;
}
