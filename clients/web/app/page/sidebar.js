// Sidebar: the list of sessions, and how one is begun and found.

/** @import { SessionInfo } from "../api/http.js" */
import { useEffect, useRef, useState } from "preact/hooks";
import { logOut } from "../state/login.js";
import { withoutBranches } from "../state/branches.js";
import { isTimeToAsk, unseen } from "../state/news.js";
import { arranged } from "../state/session-list.js";
import { config, current, deleting, guest, me, narrow, panel, refreshSessions, searchSessions, sessions, showError, showSession, sidebarOpen } from "../state/store.js";
import { saysWaiting } from "../panels/waiting.js";
import { daysOf, plural } from "../text/format.js";
import { CTRL, html, Icon, Mark } from "../ui/html.js";
import { SessionLine } from "./session-entry.js";

const REFRESH_MS = 5_000;
/** Who types is asked about when they pause. */
const TYPED_MS = 250;
/** So many sessions are listed at first; whoever goes down to them gets as many more. */
const LISTED = 100;
/** So near to the end of the list more are added, in pixels. */
const NEAR_PX = 600;

export function Sidebar() {
  const name = guest.value ? "Guest" : me.value?.name || me.value?.user_id;
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !sidebarOpen.value) return;
    event.stopPropagation();
    sidebarOpen.value = false;
  };
  return html`<nav class="sidebar" aria-label="Sessions" data-open=${sidebarOpen.value} onKeyDown=${escape}>
    <div class="sidebar-head">
      <span class="brand"><${Mark} /> Holdfast</span>
      <button type="button" class="quiet close-button" aria-label="Close the list of sessions" onClick=${() => (sidebarOpen.value = false)}><${Icon} name="close" /></button>
    </div>
    ${guest.value ? html`<p class="invited faint">You came by a link into one session. Others are not shown, and new ones need a login.</p>` : html`<${OwnSessions} />`}
    <div class="sidebar-foot">
      <span class="faint who" title=${name}><bdi>${name}</bdi></span>
      <button type="button" class="quiet" aria-label="Settings" title="Settings" onClick=${() => (panel.value = "settings")}><${Icon} name="settings" /></button>
      <button type="button" class="quiet" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick=${() => (panel.value = "keys")}><span class="key-mark" aria-hidden="true">?</span></button>
      <button type="button" class="quiet" aria-label="About this server" title="About this server" onClick=${() => (panel.value = "about")}><${Icon} name="info" /></button>
      ${config.value?.auth.token !== false && html`<button type="button" class="quiet" aria-label=${guest.value ? "Leave" : "Log out"} title=${guest.value ? "Leave" : "Log out"} onClick=${() => logOut().catch(showError)}><${Icon} name="logout" /></button>`}
    </div>
  </nav>`;
}

/** The sessions of who is here, and how one is begun and found. */
function OwnSessions() {
  const [sought, setSought] = useState("");
  const search = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    const look = () => isTimeToAsk() && void refreshSessions().catch(() => {});
    look();
    const timer = setInterval(look, REFRESH_MS);
    const keys = (/** @type {KeyboardEvent} */ event) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (narrow.value) sidebarOpen.value = true;
      requestAnimationFrame(() => search.current?.select());
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
  const [most, setMost] = useState(LISTED);
  useEffect(() => setMost(LISTED), [sought]);
  const titled = withoutBranches(sessions.value).filter((one) => words.every((word) => (one.title || "untitled").toLowerCase().includes(word)));
  const known = joined(titled, found?.sessions ?? []).filter((one) => !deleting.value.has(one.session_id));
  const [archive, setArchive] = useState(false);
  const archived = known.filter(({ listed }) => listed === "archived").length;
  // What is sought is sought in the archive too, and stands where it was found.
  const all = words.length ? known : arranged(known, archive);
  const shown = all.slice(0, most);
  const scrolled = (/** @type {any} */ { currentTarget: list }) => {
    if (most < all.length && list.scrollHeight - list.clientHeight - list.scrollTop < NEAR_PX) setMost(most + LISTED);
  };
  const first = all[0]?.session_id;
  const waits = saysWaiting(sessions.value);
  const now = new Date();
  const searching = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && sought) setSought("");
    else if (event.key === "Enter" && words.length && first) showSession(first);
    else return moveAmongLinks(event);
    event.preventDefault();
    event.stopPropagation();
  };
  return html`
    <button type="button" class="new" onClick=${() => showSession(null)}><${Icon} name="plus" /> New session</button>
    <input ref=${search} class="search" type="search" placeholder=${narrow.value ? "Search" : `Search (${CTRL}+K)`} aria-label="Search sessions" value=${sought} onInput=${(/** @type {any} */ event) => setSought(event.target.value)} onKeyDown=${searching} />
    ${waits && html`<button type="button" class="waits" onClick=${() => (panel.value = "waiting")}>${waits}</button>`}
    <ul class="sessions" onScroll=${scrolled} onKeyDown=${moveAmongLinks}>
      ${shown.flatMap((session, at) => [
        // Flat, so that a line that moves stays the line of its session.
        !words.length && headed(shown, at, now),
        html`<${SessionLine} key=${session.session_id} session=${session} here=${current.value === session.session_id} fresh=${unseen.value.has(session.session_id)} />`,
      ])}
      ${all.length > most && html`<li key="more"><button type="button" class="link" onClick=${() => setMost(most + LISTED)}>${`${all.length - most} older`}</button></li>`}
      ${archived > 0 && !words.length && html`<li key="archive"><button type="button" class="link" aria-expanded=${archive} onClick=${() => setArchive(!archive)}>${archive ? "Hide the archive" : `Archive (${archived})`}</button></li>`}
      ${!all.length && !archived && html`<li class="faint nothing">${words.length ? "Nothing was found." : "No sessions yet."}</li>`}
      ${found?.lagging && html`<li class="faint nothing">${plural(found.lagging, "session is", "sessions are")} not searched yet.</li>`}
    </ul>
    <p class="hidden" role="status">${words.length ? `${all.length} found` : ""}</p>
  `;
}

const GROUPS = { pinned: "Pinned", archived: "Archive" };

/** The heading above the first session of a day, or of several, or of those that are listed apart. @param {SessionInfo[]} shown @param {number} at @param {Date} now */
function headed(shown, at, now) {
  const groupOf = (/** @type {SessionInfo} */ one) => (one.listed ? GROUPS[one.listed] : daysOf(one.last_active_at, now));
  const days = groupOf(shown[at]);
  if (!days || (at > 0 && groupOf(shown[at - 1]) === days)) return null;
  return html`<li key=${`days-${days}-${at}`} class="days faint">${days}</li>`;
}

/** The arrow keys go from title to title, from the search field too. @param {KeyboardEvent} event */
function moveAmongLinks(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const nav = /** @type {HTMLElement} */ (event.currentTarget).closest("nav");
  if (!step || !nav || event.altKey || /** @type {HTMLElement} */ (event.target).matches(".naming *")) return;
  event.preventDefault();
  const links = /** @type {HTMLElement[]} */ ([...nav.querySelectorAll(".search, .session > a")]);
  const here = links.findIndex((one) => one === document.activeElement || one.parentElement?.contains(document.activeElement) && one.matches("a"));
  links[Math.min(links.length - 1, Math.max(0, here + step))]?.focus();
}

/** Those by their titles, and what the server found: where the words were said, and further sessions. @param {SessionInfo[]} titled @param {SessionInfo[]} found */
function joined(titled, found) {
  const known = new Map(found.map((one) => [one.session_id, one]));
  const listed = new Set(titled.map((one) => one.session_id));
  // An earlier version has its session's title: it is of interest where the words were said in it alone.
  const shows = (/** @type {SessionInfo} */ { found: hit, forked_from: from }) => !from?.branch || (hit && !known.get(from.session_id)?.found);
  return [...titled.map((one) => known.get(one.session_id) ?? one), ...found.filter((one) => !listed.has(one.session_id) && shows(one))];
}

/** What the server finds; null: nothing was asked. @param {string} sought */
function useFound(sought) {
  const [found, setFound] = useState(/** @type {Awaited<ReturnType<typeof searchSessions>> | null} */ (null));
  useEffect(() => {
    setFound(null);
    if (sought === "") return;
    let current = true;
    const timer = setTimeout(() => searchSessions(sought).then((answer) => current && setFound(answer), showError), TYPED_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [sought]);
  return found;
}
