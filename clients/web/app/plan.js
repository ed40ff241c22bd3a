// The page: what the agent plans, and the files that lie in its workspace.

/** @import { Conversation } from "./conversation.js" */
import { html } from "./html.js";
import { Folded } from "./message.js";

const SAYS = { pending: "to do", in_progress: "under way", completed: "done" };

/** @param {{ conversation: Conversation }} props */
export function Plan({ conversation }) {
  void conversation.version.value;
  const { plan } = conversation.view;
  if (!plan.length) return null;
  const done = plan.filter((item) => item.status === "completed").length;
  const now = plan.find((item) => item.status === "in_progress");
  const title = html`Plan <span class="faint">${done} of ${plan.length} done${now ? `: ${now.text}` : ""}</span>`;
  return html`<section class="plan" aria-label="Plan">
    <${Folded} title=${title}>
      <ol>
        ${plan.map(({ text, status }) => html`<li data-status=${status}><span class="box" aria-hidden="true"></span><span class="hidden">${SAYS[status]}: </span>${text}</li>`)}
      </ol>
    <//>
  </section>`;
}

/** @param {{ conversation: Conversation }} props */
export function Files({ conversation }) {
  const names = conversation.files.value;
  if (!names.length) return null;
  return html`<p class="files" aria-label="Files added">
    ${names.map((name) => html`<a class="file" href=${conversation.fileLink(name)} download>${name}</a>`)}
    <span class="faint">in the workspace</span>
  </p>`;
}
