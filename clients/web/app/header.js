// The page: the top of a conversation: its title, its model, how full its context is, and what can be done with it.

/** @import { Conversation } from "./conversation.js" */
import { useEffect, useRef, useState } from "preact/hooks";
import { exportSession } from "./export.js";
import { html, Icon, short } from "./html.js";
import { complain, config, sidebarOpen } from "./store.js";

const STATES = { idle: "", running: "working", awaiting_approval: "waits for you", closed: "ended" };

/** @param {{ conversation: Conversation }} props */
export function Header({ conversation }) {
  void conversation.version.value;
  const { view } = conversation;
  const title = view.title || (conversation.session.sessionId ? "Untitled" : "New session");
  useEffect(() => {
    const mark = view.state === "awaiting_approval" ? "● " : view.state === "running" ? "… " : "";
    document.title = `${mark}${title} · Holdfast`;
  }, [title, view.state]);
  return html`<header class="header">
    <button type="button" class="quiet menu-button" aria-label="Sessions" aria-expanded=${sidebarOpen.value} onClick=${() => (sidebarOpen.value = !sidebarOpen.value)}><${Icon} name="menu" /></button>
    <h1 title=${title}>${title}</h1>
    ${STATES[view.state] && html`<span class="state" data-state=${view.state}>${STATES[view.state]}</span>`}
    <span class="spacer"></span>
    <${Usage} conversation=${conversation} />
    <${ModelChoice} conversation=${conversation} />
    ${conversation.session.sessionId !== null && html`<${Menu} conversation=${conversation} />`}
  </header>`;
}

/** @param {{ conversation: Conversation }} props */
function Usage({ conversation }) {
  void conversation.version.value;
  const { input_tokens, output_tokens, cached_tokens, cost_usd, context_tokens, context_limit } = conversation.view.usage;
  if (!input_tokens && !output_tokens) return null;
  const part = context_limit ? Math.min(1, context_tokens / context_limit) : 0;
  const cost = cost_usd === null ? "cost unknown" : `$${cost_usd < 0.1 && cost_usd > 0 ? cost_usd.toFixed(4) : cost_usd.toFixed(2)}`;
  const says = `${short(input_tokens)} tokens in (${short(cached_tokens)} cached), ${short(output_tokens)} out, ${cost}. The context is ${Math.round(part * 100)}% full: ${short(context_tokens)} of ${short(context_limit)}.`;
  return html`<span class="usage" title=${says}>
    <span class="hidden">${says}</span>
    <span class="usage-numbers" aria-hidden="true">${short(input_tokens + output_tokens)} · ${cost}</span>
    ${context_limit > 0 && html`<meter aria-hidden="true" min="0" max="1" high="0.75" low="0.5" optimum="0" value=${part}></meter>`}
  </span>`;
}

const OTHER = "\u0000other";

/** @param {{ conversation: Conversation }} props */
function ModelChoice({ conversation }) {
  void conversation.version.value;
  const [other, setOther] = useState(false);
  const { models = [], allow_other_models, model = "" } = config.value ?? {};
  const now = conversation.view.model || conversation.session.core.ready?.model || model;
  const known = models.some((one) => one.model === now) || !now;
  const choose = (/** @type {string} */ name) => name && name !== now && conversation.now({ type: "set_model", model: name });
  if (conversation.session.sessionId === null || conversation.view.state === "closed" || conversation.access === "read") return html`<span class="model faint">${now}</span>`;
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
  return html`<select class="model" aria-label="Model" value=${now} onChange=${changed}>
    ${!known && html`<option value=${now}>${now}</option>`}
    ${models.map((one) => html`<option value=${one.model}>${one.model}</option>`)}
    ${allow_other_models && html`<option value=${OTHER}>Another…</option>`}
  </select>`;
}

/** @param {{ conversation: Conversation }} props */
function Menu({ conversation }) {
  void conversation.version.value;
  const { view, running, access } = conversation;
  const root = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  const close = () => root.current && (root.current.open = false);
  const act = (/** @type {() => unknown} */ run) => () => (close(), run());
  useEffect(() => {
    const outside = (/** @type {Event} */ event) => !root.current?.contains(/** @type {Node} */ (event.target)) && close();
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, []);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !root.current?.open) return;
    event.stopPropagation();
    close();
    root.current.querySelector("summary")?.focus();
  };
  const id = String(conversation.session.sessionId);
  const save = (/** @type {"md" | "json"} */ format) => act(() => exportSession(id, format).catch(complain));
  const drives = access !== "read" && view.state !== "closed";
  return html`<details class="menu" ref=${root} onKeyDown=${keys}>
    <summary aria-label="More"><${Icon} name="more" /></summary>
    <div class="menu-items">
      ${drives && html`<button type="button" disabled=${running} onClick=${act(() => conversation.now({ type: "undo" }))}><${Icon} name="undo" /> Take the last turn back</button>`}
      ${drives && html`<button type="button" disabled=${running} onClick=${act(() => conversation.retry())}><${Icon} name="retry" /> Say the last thing again</button>`}
      ${drives && html`<button type="button" disabled=${running} onClick=${act(() => conversation.now({ type: "compact" }))}><${Icon} name="fold" /> Compact the context</button>`}
      <button type="button" onClick=${save("md")}><${Icon} name="download" /> Export as Markdown</button>
      <button type="button" onClick=${save("json")}><${Icon} name="download" /> Export as JSON</button>
      ${drives && access === "owner" && html`<button type="button" class="bad" onClick=${act(() => conversation.now({ type: "shutdown" }))}><${Icon} name="stop" /> End this session</button>`}
    </div>
  </details>`;
}
