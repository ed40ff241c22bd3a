// Session entry: one session in the list: its title, its state, and how it is renamed.

/** @import { SessionInfo } from "../api/http.js" */
import { Component } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { connect } from "../../../js/src/holdfast.js";
import { when } from "../text/format.js";
import { plainParts } from "../text/plain.js";
import { oneLine, visible } from "../text/visible.js";
import { server } from "../api/base.js";
import { waitsOf } from "../state/session-list.js";
import { pathOf, refreshSessions, remove, showError, showSession } from "../state/store.js";
import { html } from "../ui/html.js";
import { SessionMenu } from "./session-menu.js";

/** @param {SessionInfo} session */
function stateOf(session) {
  const waits = waitsOf(session);
  if (waits) return { name: "awaiting_approval", says: `${waits} waiting for you` };
  if (session.is_processing) return { name: "running", says: "working" };
  return session.state === "closed" ? { name: "closed", says: "ended" } : { name: "idle", says: "" };
}

/** One line of the list; one that stays as it was is not looked at. `fresh`: its last answer was not seen. @extends {Component<{ session: SessionInfo, here: boolean, fresh: boolean }>} */
export class SessionLine extends Component {
  /** @param {{ session: SessionInfo, here: boolean, fresh: boolean }} next */
  shouldComponentUpdate(next) {
    return next.session !== this.props.session || next.here !== this.props.here || next.fresh !== this.props.fresh;
  }

  render() {
    return html`<${SessionEntry} ...${this.props} />`;
  }
}

/** @param {{ session: SessionInfo, here: boolean, fresh: boolean }} props */
function SessionEntry({ session, here, fresh }) {
  const [naming, setNaming] = useState(false);
  const title = oneLine(session.title) || "Untitled";
  const state = stateOf(session);
  const open = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    showSession(session.session_id, { at: session.found?.message });
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
  return html`<li class="session" ref=${root} data-state=${state.name} data-fresh=${fresh} aria-current=${here ? "true" : undefined}>
    <a href=${pathOf(session.session_id)} aria-current=${here ? "page" : undefined} onClick=${open}>
      <span class="session-title"><bdi>${title}</bdi></span>
      <span class="session-state">${state.says || `${fresh ? "new · " : ""}${session.listed === "archived" ? "archived · " : ""}${when(session.last_active_at)}`}</span>
      ${session.found && html`<span class="session-found">${plainParts(session.found.snippet).map((part, at) => (at % 2 ? html`<mark>${visible(part)}</mark>` : visible(part)))}</span>`}
    </a>
    <${SessionMenu} session=${session} rename=${() => setNaming(true)} remove=${gone} />
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

/** Never, but fails once there is no connection. @param {import("../../../js/src/holdfast.js").Session} session @returns {Promise<never>} */
function unreachable(session) {
  return new Promise((_, reject) => {
    session.listen(() => ["waiting", "ended"].includes(session.status.phase) && reject(new Error(`The server did not confirm the new name: ${session.status.why}. Try again once the page is connected.`)));
  });
}
