// The page: where it begins. Finds out who is here, then shows the session that the address names.

import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Approvals } from "./approvals.js";
import { Composer } from "./composer.js";
import { ConnectionLine } from "./connection.js";
import { Conversation } from "./conversation.js";
import { Header } from "./header.js";
import { html, words } from "./html.js";
import { Login } from "./login.js";
import { AssistantMessage, copyCode, NoteRow, UserMessage, WaitingMessage } from "./message.js";
import { Files, Plan } from "./plan.js";
import { Sidebar } from "./sidebar.js";
import { announced, current, enter, go, loginNeeded, notices, sidebarOpen, unnotify } from "./store.js";
import { ToolCard } from "./tools.js";
import { VirtualList } from "./virtual.js";

const CHARS_A_LINE = 90;
const LINE_PX = 24;

/** @param {import("./items.js").Row} row */
function estimate(row) {
  if (row.kind === "tool") return 44;
  if (row.kind === "note") return 48;
  const lines = row.text.length / CHARS_A_LINE + (row.text.match(/\n/g)?.length ?? 0);
  return 64 + LINE_PX * Math.ceil(lines);
}

const KINDS = { user: UserMessage, assistant: AssistantMessage, tool: ToolCard, waiting: WaitingMessage, failed: WaitingMessage, note: NoteRow };

/** @param {{ conversation: Conversation }} props */
function Messages({ conversation }) {
  void conversation.version.value;
  const draw = useMemo(() => (/** @type {import("./items.js").Row} */ row) => html`<${KINDS[row.kind]} row=${row} conversation=${conversation} />`, [conversation]);
  const rows = conversation.rows();
  if (!rows.length) {
    return html`<div class="empty"><p>Say what you want to be done.</p><p class="faint">The session lives on the server: close this page, lose the network, come back; it goes on.</p></div>`;
  }
  const omitted = conversation.session.core.omitted_messages;
  return html`${omitted > 0 && html`<p class="omitted faint">${omitted} older messages are not loaded; the export has them.</p>`}
    <${VirtualList} rows=${rows} render=${draw} estimate=${estimate} label="Conversation" busy=${conversation.running} />`;
}

/** @param {{ conversation: Conversation }} props */
function Main({ conversation }) {
  const [over, setOver] = useState(false);
  const dropped = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setOver(false);
    const files = event.dataTransfer?.files;
    if (files?.length) void conversation.upload([...files]);
  };
  useEffect(() => {
    const keys = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || event.defaultPrevented || !conversation.running) return;
      conversation.now({ type: "interrupt" });
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [conversation]);
  return html`<main class="main" data-over=${over} onDragOver=${(/** @type {DragEvent} */ event) => (event.preventDefault(), setOver(true))}
    onDragLeave=${() => setOver(false)} onDrop=${dropped} onClick=${copyCode}>
    <${Header} conversation=${conversation} />
    <${Messages} conversation=${conversation} />
    <div class="dock">
      <${Plan} conversation=${conversation} />
      <${Approvals} conversation=${conversation} />
      <${Files} conversation=${conversation} />
      <${Composer} conversation=${conversation} />
      <${ConnectionLine} conversation=${conversation} />
    </div>
  </main>`;
}

function Notices() {
  return html`<div class="notices">
    ${notices.value.map(
      (notice) => html`<p key=${notice.id} class="notice" data-tone=${notice.tone} role=${notice.tone === "bad" ? "alert" : "status"}>
        <span>${notice.text}</span>
        ${notice.action && html`<button type="button" class="link" onClick=${() => notice.action?.run()}>${notice.action.label}</button>`}
        <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => unnotify(notice.id)}>×</button>
      </p>`,
    )}
  </div>`;
}

/** The one conversation that is shown; it stays while its session is being made and named. @type {Conversation | null} */
let shown = null;

/** @param {string | null} id */
function conversationOf(id) {
  if (shown && (shown.session.sessionId ?? null) === id) return shown;
  shown?.close();
  shown = new Conversation(id);
  return shown;
}

function App() {
  const [, again] = useState(0);
  if (loginNeeded.value !== null) {
    shown?.close();
    shown = null;
    return html`<${Login} entered=${() => again((count) => count + 1)} />`;
  }
  const conversation = conversationOf(current.value);
  return html`<a class="skip" href="#message" onClick=${(/** @type {Event} */ event) => (event.preventDefault(), document.querySelector("textarea")?.focus())}>Skip to the message field</a>
    <div class="page" data-sidebar=${sidebarOpen.value}>
      <${Sidebar} />
      ${sidebarOpen.value && html`<div class="veil" onClick=${() => (sidebarOpen.value = false)}></div>`}
      <${Main} key=${conversation} conversation=${conversation} />
    </div>
    <${Notices} />
    <p class="hidden" role="status" aria-live="polite">${announced.value}</p>`;
}

addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "o" && event.shiftKey && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    go(null);
  }
});

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
try {
  await enter();
  render(html`<${App} />`, root);
} catch (error) {
  // The page itself may come from the browser's store while the server is away.
  const again = () => location.reload();
  render(html`<main class="login"><h1>Holdfast</h1><p role="alert">${words(error)}</p><button type="button" class="primary" onClick=${again}>Try again</button></main>`, root);
}
