// Session menu: what can be done with one session of the list. It floats above the list, which would cut it off.

/** @import { SessionInfo } from "../api/http.js" */
import { useRef } from "preact/hooks";
import { exportSession } from "../api/export.js";
import { listAs, showError } from "../state/store.js";
import { oneLine } from "../text/visible.js";
import { html, Icon } from "../ui/html.js";

/** What stays between the menu and the window's edge, in pixels. */
const EDGE_PX = 8;

/** @param {{ session: SessionInfo, rename: () => void, remove: () => void }} props */
export function SessionMenu({ session, rename, remove }) {
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const { session_id: id, listed } = session;
  const title = oneLine(session.title) || "Untitled";
  const place = (/** @type {any} */ { newState }) => {
    const menu = root.current;
    const button = menu?.previousElementSibling?.getBoundingClientRect();
    if (newState !== "open" || !menu || !button) return;
    const { offsetWidth: width, offsetHeight: height } = menu;
    menu.style.left = `${Math.max(EDGE_PX, Math.min(button.left, innerWidth - width - EDGE_PX))}px`;
    menu.style.top = `${Math.max(EDGE_PX, Math.min(button.bottom, innerHeight - height - EDGE_PX))}px`;
    menu.querySelector("button")?.focus();
  };
  const act = (/** @type {() => unknown} */ run) => () => {
    root.current?.hidePopover();
    run();
  };
  const list = (/** @type {"" | "pinned" | "archived"} */ how) => act(() => listAs(id, how).catch(showError));
  return html`<span class="session-actions">
    <button type="button" class="quiet" popovertarget=${`more-${id}`} aria-label=${`More for “${title}”`} title="More"><${Icon} name="more" /></button>
    <div id=${`more-${id}`} popover="auto" class="menu-items session-menu" role="group" aria-label=${`“${title}”`} ref=${root} onToggle=${place}>
      <button type="button" onClick=${list(listed === "pinned" ? "" : "pinned")}><${Icon} name="pin" /> ${listed === "pinned" ? "Unpin" : "Pin"}</button>
      <button type="button" onClick=${act(rename)}><${Icon} name="edit" /> Rename</button>
      <button type="button" onClick=${act(() => exportSession(id, "md").catch(showError))}><${Icon} name="download" /> Export</button>
      <button type="button" onClick=${list(listed === "archived" ? "" : "archived")}><${Icon} name="archive" /> ${listed === "archived" ? "Take out of the archive" : "Archive"}</button>
      <button type="button" class="bad" onClick=${act(remove)}><${Icon} name="trash" /> Delete</button>
    </div>
  </span>`;
}
