// The page: what the agent plans, always in view.

/** @import { Conversation } from "./conversation.js" */
import { html } from "./html.js";
import { Folded } from "./message.js";
import { Checklist } from "./outputs.js";
import { visible } from "./shapes.js";

/** On a screen of this height the steps are open from the start. */
const ROOMY_PX = 750;

/** @param {{ conversation: Conversation }} props */
export function Plan({ conversation }) {
  void conversation.version.value;
  const { plan } = conversation.view;
  if (!plan.length) return null;
  const done = plan.filter((item) => item.status === "completed").length;
  const now = plan.find((item) => item.status === "in_progress");
  const title = html`Plan <span class="faint">${done} of ${plan.length} done${now ? `: ${visible(now.text)}` : ""}</span>`;
  return html`<section class="plan" aria-label="Plan">
    <${Folded} title=${title} open=${innerHeight >= ROOMY_PX && done < plan.length}>
      <${Checklist} items=${plan} />
    <//>
  </section>`;
}
