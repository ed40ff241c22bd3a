// Plan: the agent's plan, always in view.

/** @import { Conversation } from "../state/conversation.js" */
import { visible } from "../text/visible.js";
import { Folded } from "../ui/folded.js";
import { html } from "../ui/html.js";
import { Checklist } from "./outputs.js";

/** On a screen of this height the steps are open from the start. */
const ROOMY_PX = 750;

/** @param {{ conversation: Conversation }} props */
export function Plan({ conversation }) {
  void conversation.version.value;
  const { plan } = conversation.view;
  if (!plan.length) return null;
  const done = plan.filter((item) => item.status === "completed").length;
  const now = plan.find((item) => item.status === "in_progress");
  const title = html`<span class="plan-name">Plan</span> <span class="faint">${done} of ${plan.length} done${now ? `: ${visible(now.text)}` : ""}</span>`;
  return html`<section class="plan" aria-label="Plan">
    <${Folded} title=${title} memory=${conversation.opened} name="plan" open=${innerHeight >= ROOMY_PX && done < plan.length}>
      <${Checklist} items=${plan} />
    <//>
  </section>`;
}
