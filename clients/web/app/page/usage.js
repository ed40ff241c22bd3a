// Usage: the tokens and the cost of a session, and how full the model's context is.

/** @import { Conversation } from "../state/conversation.js" */
import { money, short } from "../text/format.js";
import { html } from "../ui/html.js";

/** From here on it is said that the context can be compacted. */
const NEARLY_FULL = 0.75;

/** @param {{ conversation: Conversation }} props */
export function Usage({ conversation }) {
  void conversation.version.value;
  const { input_tokens, output_tokens, cached_tokens, cost_usd, context_tokens, context_limit } = conversation.view.usage;
  if (!input_tokens && !output_tokens && !cost_usd) return null;
  const part = context_limit ? Math.min(1, context_tokens / context_limit) : 0;
  const percent = `${Math.round(part * 100)}%`;
  const cost = cost_usd === null ? "" : money(cost_usd);
  const full = part >= NEARLY_FULL;
  return html`<span class="usage">
    <button type="button" class="quiet" popovertarget="usage" aria-label=${`Usage: context ${percent} full${cost && `, ${cost}`}`} data-full=${full}>
      <span class="usage-numbers">${cost}</span>
      ${context_limit > 0 && html`<span class="gauge" aria-hidden="true"><span style=${{ width: percent }}></span></span><span class="usage-part">${percent}</span>`}
    </button>
    <div id="usage" popover class="popover" role="group" aria-label="Usage">
      <dl class="facts">
        <div><dt>Context</dt><dd>${percent} full: ${short(context_tokens)} of ${short(context_limit)} tokens</dd></div>
        <div><dt>Read</dt><dd>${short(input_tokens)} tokens${cached_tokens ? `, ${short(cached_tokens)} of them cached` : ""}</dd></div>
        <div><dt>Written</dt><dd>${short(output_tokens)} tokens</dd></div>
        <div><dt>Cost</dt><dd>${cost_usd === null ? "unknown: a price is missing" : cost}</dd></div>
      </dl>
      ${full && html`<p class="faint">The context is nearly full. Older parts are summarised by themselves when it is; it can be done now, too.</p>`}
      ${conversation.drives && html`<button type="button" disabled=${conversation.running} onClick=${() => conversation.now({ type: "compact" })}>Compact the context</button>`}
    </div>
  </span>`;
}
