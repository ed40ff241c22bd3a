// Model choice: which model answers, its context and price, its reasoning effort, and the mode, which says what asks.

/** @import { SetModel } from "../../../js/protocol.d.ts" */
/** @import { Conversation } from "../state/conversation.js" */
import { useState } from "preact/hooks";
import { modelLabel } from "../text/format.js";
import { config } from "../state/store.js";
import { html, Icon } from "../ui/html.js";

const OTHER = "\u0000other";
/** @type {[NonNullable<SetModel["reasoning_effort"]>, string][]} */
const EFFORTS = [["", "as it likes"], ["none", "not at all"], ["minimal", "minimal"], ["low", "low"], ["medium", "medium"], ["high", "high"]];

/** @param {{ conversation: Conversation }} props */
export function ModelChoice({ conversation }) {
  void conversation.version.value;
  const [other, setOther] = useState(false);
  const { models = [], allow_other_models, model: own = "" } = config.value ?? {};
  const { view, session, chosen } = conversation;
  const now = chosen.value?.model ?? (view.model || session.core.ready?.model || own);
  const effort = (session.sessionId === null ? chosen.value?.reasoning_effort : view.reasoning_effort) ?? "";
  const known = models.some((one) => one.model === now) || !now;
  const choose = (/** @type {string} */ name) => name && name !== now && conversation.use(name, "");
  if (!conversation.choosesModel) return html`<span class="model faint" title=${conversation.drives ? "The model that answers. Your link does not let you set it." : "The model that answers"}>${models.find((one) => one.model === now)?.label || now}</span>`;
  if (other) {
    const done = (/** @type {Event} */ event) => {
      event.preventDefault();
      choose(/** @type {any} */ (event.currentTarget).elements.model.value.trim());
      setOther(false);
    };
    return html`<form class="model" onSubmit=${done} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (event.stopPropagation(), setOther(false))}>
      <input name="model" aria-label="Model, as the server names it" placeholder="provider/model" required autofocus /><button type="submit">Use</button>
    </form>`;
  }
  const changed = (/** @type {any} */ event) => (event.target.value === OTHER ? setOther(true) : choose(event.target.value));
  const says = models.find((one) => one.model === now)?.label || now;
  return html`<${Choice} says=${says} label="Model" title=${`${now}: the model that answers`} value=${now} change=${changed}>
      ${!known && html`<option value=${now}>${now}</option>`}
      ${models.map((one) => html`<option key=${one.model} value=${one.model}>${modelLabel(one)}</option>`)}
      ${allow_other_models && html`<option value=${OTHER}>Another…</option>`}
    <//>
    <${Choice} name="choice-effort" icon="think" says=${effort || "auto"} label="Reasoning effort" title="How long the model thinks before it answers" value=${effort} change=${(/** @type {any} */ event) => conversation.use(now, event.target.value)}>
      ${EFFORTS.map(([value, words]) => html`<option key=${value} value=${value}>${`Thinks: ${words}`}</option>`)}
    <//>
    <${ModeChoice} conversation=${conversation} />`;
}

/** The session's mode, for its owner, where the server has several. @param {{ conversation: Conversation }} props */
function ModeChoice({ conversation }) {
  void conversation.version.value;
  const modes = config.value?.modes ?? [];
  const now = conversation.view.mode || "default";
  if (modes.length < 2 || conversation.access !== "owner" || conversation.session.sessionId === null) return null;
  const all = modes.includes(now) ? modes : [now, ...modes];
  return html`<${Choice} name="choice-mode" icon="guard" says=${modeLabel(now)} label="Mode" title="What the agent may do without asking" value=${now} change=${(/** @type {any} */ event) => conversation.now({ type: "set_mode", mode: event.target.value })}>
    ${all.map((one) => html`<option key=${one} value=${one}>${`Mode: ${modeLabel(one)}`}</option>`)}
  <//>`;
}

const modeLabel = (/** @type {string} */ mode) => mode.replaceAll(/[-_]/g, " ");

/**
 * A choice that shows few words while it is closed, and all of them while it is open: the browser's own, under a label.
 * @param {{ says: string, label: string, title: string, value: string, change: (event: Event) => void, name?: string, icon?: import("../ui/html.js").IconName, children?: any }} props
 */
function Choice({ says, label, title, value, change, name = "", icon, children }) {
  return html`<span class=${`choice ${name}`} title=${title}>${icon && html`<${Icon} name=${icon} />`}<span class="choice-says" aria-hidden="true">${says}</span><${Icon} name="fold" />
    <select aria-label=${label} value=${value} onChange=${change}>${children}</select>
  </span>`;
}
