// Entry point: finds out who the user is, then shows the session that the address names.

import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "./text/format.js";
import { Conversation } from "./state/conversation.js";
import { enter, openedLink } from "./state/login.js";
import { announced, current, dismiss, loginNeeded, narrow, notices, panel, sidebarOpen } from "./state/store.js";
import { pressInCode } from "./ui/clipboard.js";
import { toggleDiagram } from "./ui/diagrams.js";
import { html, Mark } from "./ui/html.js";
import { Approvals } from "./tools/approvals.js";
import { Questions } from "./tools/questions.js";
import { Plan } from "./tools/plan.js";
import { FindBar, finding } from "./messages/find.js";
import { Messages } from "./messages/list.js";
import { NewerVersion } from "./messages/versions.js";
import { Composer } from "./composer/composer.js";
import { listenToDrops } from "./composer/drop.js";
import { About } from "./panels/about.js";
import { EndPanel } from "./panels/end.js";
import { FilesPanel } from "./panels/files.js";
import { Keys } from "./panels/keys.js";
import { WaitingPanel } from "./panels/waiting.js";
import { SettingsPanel } from "./panels/settings.js";
import { SharePanel } from "./panels/share.js";
import { ConnectionLine } from "./page/connection.js";
import { Header } from "./page/header.js";
import { listenToKeys } from "./page/keyboard.js";
import { Login } from "./page/login.js";
import { keepPage } from "./page/offline.js";
import { OpenedLink } from "./page/opened-link.js";
import { Sidebar } from "./page/sidebar.js";

/** How often the server is asked whether it is there again, while the page has not begun. */
const AGAIN_MS = 5_000;

/** @param {{ conversation: Conversation }} props */
function Main({ conversation }) {
  const [over, setOver] = useState(false);
  const list = useRef(/** @type {import("./messages/virtual-list.js").VirtualList | null} */ (null));
  useEffect(() => listenToDrops(conversation, setOver), [conversation]);
  useEffect(() => listenToKeys(conversation, (step) => list.current?.move(step)), [conversation]);
  const onClick = (/** @type {MouseEvent} */ event) => (void pressInCode(event), toggleDiagram(event));
  return html`<main class="main" data-over=${over} onClick=${onClick}>
    <${Header} conversation=${conversation} />
    ${finding.value > 0 && html`<${FindBar} conversation=${conversation} list=${list} />`}
    <${Messages} conversation=${conversation} list=${list} />
    <div class="dock">
      <${NewerVersion} conversation=${conversation} />
      <${Plan} conversation=${conversation} />
      <${Questions} conversation=${conversation} />
      <${Approvals} conversation=${conversation} />
      <${Composer} conversation=${conversation} />
      <${ConnectionLine} conversation=${conversation} />
    </div>
    ${over && html`<p class="drop-here" aria-hidden="true">Drop files here: they go into the workspace.</p>`}
    ${panel.value === "keys" && html`<${Keys} />`}
    ${panel.value === "waiting" && html`<${WaitingPanel} />`}
    ${panel.value === "settings" && html`<${SettingsPanel} />`}
    ${panel.value === "about" && html`<${About} />`}
    ${panel.value === "share" && html`<${SharePanel} conversation=${conversation} />`}
    ${panel.value === "end" && html`<${EndPanel} conversation=${conversation} />`}
    ${panel.value === "files" && html`<${FilesPanel} conversation=${conversation} />`}
  </main>`;
}

function Notices() {
  return html`<div class="notices">
    ${notices.value.map(
      (notice) => html`<p key=${notice.id} class="notice" data-tone=${notice.tone} role=${notice.tone === "bad" ? "alert" : "status"}>
        <span>${notice.text}</span>
        ${notice.action && html`<button type="button" class="link" onClick=${() => notice.action?.run()}>${notice.action.label}</button>`}
        <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => dismiss(notice.id)}>×</button>
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
  if (openedLink.value !== null) return html`<${OpenedLink} />`;
  if (loginNeeded.value !== null) {
    shown?.close();
    shown = null;
    return html`<${Login} entered=${() => again((count) => count + 1)} />`;
  }
  const conversation = conversationOf(current.value);
  return html`<nav aria-label="Skip links">
      <${Skip} to="#message">Skip to the message field<//>
      <${Skip} to=".scroller">Skip to the conversation<//>
      <${SkipToApprovals} conversation=${conversation} />
    </nav>
    <div class="page" data-sidebar=${sidebarOpen.value}>
      <${Sidebar} />
      ${narrow.value && sidebarOpen.value && html`<div class="veil" onClick=${() => (sidebarOpen.value = false)}></div>`}
      <${Main} key=${conversation} conversation=${conversation} />
    </div>
    <${Notices} />
    <p class="hidden" role="status" aria-live="polite">${announced.value}</p>`;
}

/** @param {{ conversation: Conversation }} props */
function SkipToApprovals({ conversation }) {
  void conversation.version.value;
  return conversation.view.pending_approval.length > 0 && html`<${Skip} to="#approvals">Skip to what waits for your approval<//>`;
}

/** Takes the focus past what is on every page, to what is there. @param {{ to: string, children?: any }} props */
function Skip({ to, children }) {
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {HTMLElement | null} */ (document.querySelector(to) ?? document.getElementById("message"))?.focus();
  };
  return html`<a class="skip" href=${to.startsWith("#") ? to : "#"} onClick=${skip}>${children}</a>`;
}

/** The page is whole: how often it was loaded before counts no more. */
function forgetLoads() {
  try {
    sessionStorage.removeItem("holdfast-page-loads");
  } catch {
    return; // a browser that keeps nothing
  }
}

/** Whether a style came. @param {Element} link */
function hasRules(link) {
  try {
    return Boolean(/** @type {HTMLLinkElement} */ (link).sheet?.cssRules.length);
  } catch {
    return false; // the rules of an answer that is an error may not be read
  }
}

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
document.getElementById("not-loaded")?.remove();
// Browsers fetch it anew when the page's address changes, and would resolve it against the new one.
const icon = /** @type {HTMLLinkElement} */ (document.querySelector("link[rel=icon]"));
icon.href = new URL(icon.href).href;
/** The page may come from the browser's store while the server is away: it begins once the server is there. */
async function begin() {
  for (;;) {
    try {
      await enter();
      return render(html`<${App} />`, root);
    } catch (error) {
      await new Promise((again) => {
        setTimeout(again, AGAIN_MS);
        render(html`<main class="login"><h1><${Mark} /> Holdfast</h1><p role="alert">${messageOf(error)}. The page asks again by itself.</p><button type="button" class="primary" onClick=${again}>Try again</button></main>`, root);
      });
    }
  }
}
// A style of which the server has another version, as behind a proxy while servers are replaced one after the other: the page is loaded again.
if ([...document.querySelectorAll("link[rel=stylesheet]")].every(hasRules)) forgetLoads();
else if ((await import("../other-version.js")).again) await new Promise(() => {});
keepPage();
await begin();
