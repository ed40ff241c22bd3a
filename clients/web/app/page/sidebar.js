// Sidebar: the list of sessions with their titles and states; search, rename, delete with undo, export.

/** @import { SessionInfo } from "../api/http.js" */
import { useEffect, useRef, useState } from "preact/hooks";
import { connect } from "../../holdfast.js";
import { oneLine } from "../text/visible.js";
import { server } from "../api/base.js";
import { exportSession } from "../api/export.js";
import { logOut } from "../state/login.js";
import { config, current, deleting, guest, me, moreSessions, panel, pathOf, refreshSessions, remove, searchSessions, sessions, showError, showSession, sidebarOpen } from "../state/store.js";
import { html, Icon } from "../ui/html.js";

const REFRESH_MS = 5_000;
/** Who types is asked about when they pause. */
const TYPED_MS = 250;

export function Sidebar() {
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !sidebarOpen.value) return;
    event.stopPropagation();
    sidebarOpen.value = false;
  };
  return html`<nav class="sidebar" aria-label="Sessions" data-open=${sidebarOpen.value} onKeyDown=${escape}>
    <div class="sidebar-head">
      <span class="brand">Holdfast</span>
      <button type="button" class="quiet close-button" aria-label="Close the list of sessions" onClick=${() => (sidebarOpen.value = false)}><${Icon} name="close" /></button>
    </div>
    ${guest.value ? html`<p class="invited faint">You came by a link into one session. Others are not shown, and new ones need a login.</p>` : html`<${OwnSessions} />`}
    <div class="sidebar-foot">
      <span class="faint who"><bdi>${guest.value ? "Guest" : me.value?.name || me.value?.user_id}</bdi>${config.value?.demo ? " · demo model" : ""}</span>
      <button type="button" class="quiet" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick=${() => (panel.value = "keys")}><span class="key-mark" aria-hidden="true">?</span></button>
      <button type="button" class="quiet" aria-label="About this server" title="About this server" onClick=${() => (panel.value = "about")}><${Icon} name="info" /></button>
      ${config.value?.auth.token !== false && html`<button type="button" class="link" onClick=${() => logOut().catch(showError)}>${guest.value ? "Leave" : "Log out"}</button>`}
    </div>
  </nav>`;
}

/** The sessions of who is here, and how one is begun and found. */
function OwnSessions() {
  const [sought, setSought] = useState("");
  const search = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    const look = () => document.visibilityState === "visible" && void refreshSessions().catch(() => {});
    look();
    const timer = setInterval(look, REFRESH_MS);
    const keys = (/** @type {KeyboardEvent} */ event) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      sidebarOpen.value = true;
      requestAnimationFrame(() => search.current?.focus());
    };
    addEventListener("keydown", keys);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      removeEventListener("keydown", keys);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
  const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
  const found = useFound(sought.trim());
  const shown = (found ?? sessions.value).filter((one) => !deleting.value.has(one.session_id) && words.every((word) => (one.title || "untitled").toLowerCase().includes(word)));
  return html`
    <button type="button" class="new" onClick=${() => showSession(null)}><${Icon} name="plus" /> New session</button>
    <input ref=${search} class="search" type="search" placeholder="Search (Ctrl+K)" aria-label="Search sessions" value=${sought} onInput=${(/** @type {any} */ event) => setSought(event.target.value)} />
    <ul class="sessions">
      ${shown.map((session) => html`<${SessionEntry} key=${session.session_id} session=${session} />`)}
      ${!shown.length && html`<li class="faint nothing">${words.length ? "No session has such a title." : "No sessions yet."}</li>`}
    </ul>
    <p class="hidden" role="status">${words.length ? `${shown.length} found` : ""}</p>
  `;
}

/** What the server finds, where not all sessions are listed here; else null. @param {string} sought */
function useFound(sought) {
  const [found, setFound] = useState(/** @type {SessionInfo[] | null} */ (null));
  const ask = moreSessions.value && sought !== "";
  useEffect(() => {
    if (!ask) return setFound(null);
    const timer = setTimeout(() => searchSessions(sought).then(setFound, showError), TYPED_MS);
    return () => clearTimeout(timer);
  }, [sought, ask]);
  return found;
}

/** @param {SessionInfo} session */
function stateOf(session) {
  const waits = session.pending_approval?.length ?? 0;
  if (waits) return { name: "awaiting_approval", says: `${waits} waiting for you` };
  if (session.is_processing) return { name: "running", says: "working" };
  return session.state === "closed" ? { name: "closed", says: "ended" } : { name: "idle", says: "" };
}

/** @param {{ session: SessionInfo }} props */
function SessionEntry({ session }) {
  const [naming, setNaming] = useState(false);
  const title = oneLine(session.title) || "Untitled";
  const state = stateOf(session);
  const here = current.value === session.session_id;
  const open = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    showSession(session.session_id);
  };
  const root = useRef(/** @type {HTMLLIElement | null} */ (null));
  const named = () => {
    setNaming(false);
    requestAnimationFrame(() => root.current?.querySelector("a")?.focus());
  };
  const gone = () => {
    // The focus goes to a neighbour, not to nowhere.
    const near = /** @type {HTMLElement | null} */ (root.current?.nextElementSibling ?? root.current?.previousElementSibling ?? null);
    remove(session);
    (near?.querySelector("a") ?? /** @type {HTMLElement | null} */ (document.querySelector(".new")))?.focus();
  };
  if (naming) return html`<li ref=${root}><${NameForm} session=${session} done=${named} /></li>`;
  return html`<li class="session" ref=${root} data-state=${state.name} aria-current=${here ? "true" : undefined}>
    <a href=${pathOf(session.session_id)} aria-current=${here ? "page" : undefined} onClick=${open}>
      <span class="session-title"><bdi>${title}</bdi></span>
      <span class="session-state">${state.says || when(session.last_active_at)}</span>
    </a>
    <span class="session-actions">
      <button type="button" class="quiet" aria-label=${`Rename “${title}”`} title="Rename" onClick=${() => setNaming(true)}><${Icon} name="edit" /></button>
      <button type="button" class="quiet" aria-label=${`Export “${title}”`} title="Export" onClick=${() => exportSession(session.session_id, "md").catch(showError)}><${Icon} name="download" /></button>
      <button type="button" class="quiet" aria-label=${`Delete “${title}”`} title="Delete" onClick=${gone}><${Icon} name="trash" /></button>
    </span>
  </li>`;
}

/** @param {{ session: SessionInfo, done: () => void }} props */
function NameForm({ session, done }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const saving = useRef(false);
  useEffect(() => field.current?.select(), []);
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const title = field.current?.value.trim() ?? "";
    if (saving.current) return;
    saving.current = true;
    try {
      if (title !== session.title) await rename(session.session_id, title);
      done();
    } catch (error) {
      showError(error); // what was written stays
    }
    saving.current = false;
  };
  return html`<form class="naming" onSubmit=${save} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (event.stopPropagation(), done())}>
    <input ref=${field} aria-label="Title" maxlength="200" defaultValue=${session.title} />
    <button type="submit">Save</button>
  </form>`;
}

/** Over a socket of its own, which does not wait for better times. @param {string} id @param {string} title */
async function rename(id, title) {
  const session = connect({ server, sessionId: id });
  try {
    await Promise.race([session.submit({ type: "set_title", title }), unreachable(session)]);
    await refreshSessions();
  } finally {
    session.close();
  }
}

/** Never, but fails once there is no connection. @param {import("../../holdfast.js").Session} session @returns {Promise<never>} */
function unreachable(session) {
  return new Promise((_, reject) => {
    session.listen(() => ["waiting", "ended"].includes(session.status.phase) && reject(new Error(`The server did not confirm the new name: ${session.status.why}. Try again once the page is connected.`)));
  });
}

/** @param {string} at */
function when(at) {
  const then = new Date(at);
  if (Number.isNaN(then.getTime())) return "";
  const today = new Date().toDateString() === then.toDateString();
  return today ? then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : then.toLocaleDateString([], { day: "numeric", month: "short" });
}
