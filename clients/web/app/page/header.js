// Header: the top of a conversation: its title, its state, and the menu of what can be done with it.

/** @import { Conversation } from "../state/conversation.js" */
import { useEffect, useRef } from "preact/hooks";
import { oneLine } from "../text/visible.js";
import { exportSession } from "../api/export.js";
import { config, panel, sessions, showError, sidebarOpen, tight } from "../state/store.js";
import { html, Icon } from "../ui/html.js";
import { saw } from "../state/news.js";
import { useMarks } from "./marks.js";
import { ModelChoice } from "./model.js";
import { Usage } from "./usage.js";

const STATES = { idle: "", running: "working", awaiting_approval: "waits for you", closed: "ended" };

/** @param {{ conversation: Conversation }} props */
export function Header({ conversation }) {
  void conversation.version.value;
  const { view, access } = conversation;
  const known = sessions.value.find((one) => one.session_id === conversation.session.sessionId)?.title ?? ""; // while the session itself is not here yet
  const title = oneLine(view.title || known) || (conversation.gone ? "No such session" : conversation.session.sessionId ? "Untitled" : "New session");
  // A question of a running call waits as much as an approval does.
  const state = view.questions.length ? "awaiting_approval" : view.state;
  const says = state === "awaiting_approval" && access === "read" ? "waits for an answer" : STATES[state];
  const waiting = useMarks(title, state);
  // What is shown now was seen, and what was drawn while nobody looked is, once somebody does.
  const look = () => conversation.session.core.live && saw(conversation.session.sessionId, conversation.running ? null : conversation.view.messages.length);
  look();
  useEffect(() => {
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [conversation]);
  return html`<header class="header">
    <button type="button" class="quiet menu-button" data-waits=${waiting > 0} aria-label=${waiting ? `Sessions: ${waiting} ${waiting === 1 ? "waits" : "wait"} for you` : "Sessions"} aria-expanded=${sidebarOpen.value} onClick=${() => (sidebarOpen.value = !sidebarOpen.value)}><${Icon} name="menu" /></button>
    <h1 title=${title}><bdi>${title}</bdi></h1>
    ${says && html`<span class="state" data-state=${state}>${says}</span>`}
    <span class="spacer"></span>
    <${Usage} conversation=${conversation} />
    ${!tight.value && html`<${ModelChoice} conversation=${conversation} />`}
    ${!conversation.gone && html`<button type="button" class="quiet icon-button" aria-label="Files" title="Files of this session" onClick=${() => (panel.value = "files")}><${Icon} name="folder" /></button>`}
    ${(conversation.session.sessionId !== null || tight.value) && !conversation.gone && html`<${Menu} conversation=${conversation} />`}
  </header>`;
}

/** @param {{ conversation: Conversation }} props */
function Menu({ conversation }) {
  void conversation.version.value;
  const { view, running, access, drives } = conversation;
  const root = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  const close = () => root.current && (root.current.open = false);
  // A menu that was left by the Tab key is over.
  const left = (/** @type {FocusEvent} */ event) => event.relatedTarget && !root.current?.contains(/** @type {Node} */ (event.relatedTarget)) && close();
  const act = (/** @type {() => unknown} */ run) => () => {
    close();
    root.current?.querySelector("summary")?.focus();
    run();
  };
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
  const begun = conversation.session.sessionId !== null;
  const owns = begun && drives && access === "owner";
  const id = String(conversation.session.sessionId);
  const save = (/** @type {"md" | "json"} */ format) => act(() => exportSession(id, format).catch(showError));
  return html`<details class="menu" ref=${root} onKeyDown=${keys} onFocusOut=${left}>
    <summary aria-label="More"><${Icon} name="more" /></summary>
    <div class="menu-items">
      ${tight.value && html`<div class="menu-choices"><${ModelChoice} conversation=${conversation} /></div>`}
      ${begun && drives && html`<button type="button" disabled=${running} onClick=${act(() => conversation.now({ type: "undo" }))}><${Icon} name="undo" /> Take the last turn back</button>`}
      ${begun && drives && html`<button type="button" disabled=${running} onClick=${act(() => conversation.retry())}><${Icon} name="retry" /> Say the last thing again</button>`}
      ${begun && drives && html`<button type="button" disabled=${running} onClick=${act(() => conversation.now({ type: "compact" }))}><${Icon} name="compact" /> Compact the context</button>`}
      ${owns && config.value?.auth.token !== false && html`<button type="button" onClick=${act(() => (panel.value = "share"))}><${Icon} name="share" /> Share…</button>`}
      ${begun && html`<button type="button" onClick=${save("md")}><${Icon} name="download" /> Export as Markdown</button>`}
      ${begun && html`<button type="button" onClick=${save("json")}><${Icon} name="download" /> Export as JSON</button>`}
      ${owns && html`<button type="button" class="bad" onClick=${act(() => (panel.value = "end"))}><${Icon} name="stop" /> End this session…</button>`}
    </div>
  </details>`;
}
