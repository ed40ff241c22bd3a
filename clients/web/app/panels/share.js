// Share panel: links with which others may read or drive a session; the owner makes them and takes them back.

/** @import { Conversation } from "../state/conversation.js" */
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../text/format.js";
import { http, post, sessionPath } from "../api/http.js";
import { copy } from "../ui/clipboard.js";
import { Dialog } from "../ui/dialog.js";
import { html, Icon } from "../ui/html.js";

/** @typedef {{ share_id: string, access: "read" | "drive", link: string, may_set_model?: boolean }} Link */

const MAY = { read: "May read", drive: "May drive" };

/** @param {{ conversation: Conversation }} props */
export function SharePanel({ conversation }) {
  void conversation.version.value;
  const path = `${sessionPath(String(conversation.session.sessionId))}/shares`;
  const [links, setLinks] = useState(/** @type {Link[] | null} */ (null));
  const [fault, setFault] = useState("");
  const [said, setSaid] = useState("");
  // The view tells which links there are, also those that another tab made; the secrets are in no event.
  const known = conversation.view.shares.map(({ share_id }) => share_id).join();
  const failed = (/** @type {unknown} */ error) => setFault(messageOf(error));
  useEffect(() => {
    let current = true;
    http(path).then(({ shares }) => current && (setLinks(shares), setFault("")), (error) => current && failed(error));
    return () => void (current = false);
  }, [path, known]);
  const [models, setModels] = useState(false);
  const make = (/** @type {Link["access"]} */ access) => () => post(path, { access, may_set_model: models && access === "drive" }).then(() => setSaid("A link was made."), failed);
  const take = async (/** @type {string} */ link) => setSaid((await copy(link)) ? "Copied." : "The browser did not allow copying.");
  const takeBack = (/** @type {string} */ id) => (/** @type {any} */ { currentTarget }) => {
    currentTarget.closest("dialog").querySelector(".buttons button").focus(); // this button is about to go
    return http(`${path}/${id}`, { method: "DELETE" }).then(() => setSaid("The link was taken back."), failed);
  };
  return html`<${Dialog} title="Share this session">
    <p>Whoever holds a link gets in without a login, until you take the link back.</p>
    <p class="buttons">
      <button type="button" onClick=${make("read")}><${Icon} name="plus" /> Link to read</button>
      <button type="button" onClick=${make("drive")}><${Icon} name="plus" /> Link to drive</button>
    </p>
    <p><label class="check"><input type="checkbox" checked=${models} onChange=${(/** @type {any} */ event) => setModels(event.target.checked)} /> <span>A link to drive also lets its guests choose the model</span></label></p>
    <p class="faint">To drive is to say something, to approve what the agent asks for, to stop it and to take turns back. What a guest allowed for the session ends when the link is taken back.</p>
    <p class="faint">To read is to read all: also what was taken back or replaced later, which stays in the session's record.</p>
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
    ${links?.length === 0 && html`<p class="faint">There are no links into this session.</p>`}
    <ul class="share-list" aria-label="Links into this session">
      ${links?.map((link) => html`<li key=${link.share_id}>
        <span>${MAY[link.access]}${link.may_set_model ? ", and choose the model" : ""}</span>
        <input readonly aria-label=${`Link: ${MAY[link.access].toLowerCase()}`} value=${link.link} onFocus=${(/** @type {any} */ event) => event.target.select()} />
        <button type="button" onClick=${() => take(link.link)}><${Icon} name="copy" /> Copy</button>
        <button type="button" onClick=${takeBack(link.share_id)}>Take back</button>
      </li>`)}
    </ul>
    <p class="faint" role="status">${said}</p>
  <//>`;
}
