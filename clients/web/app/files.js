// The page: the files of a session: those in its workspace, to be taken out, and those on their way into it.

/** @import { Conversation } from "./conversation.js" */
/** @import { FileEntry } from "./http.js" */
import { useEffect, useRef, useState } from "preact/hooks";
import { Dialog } from "./dialog.js";
import { filesIn } from "./http.js";
import { html, Icon, size, words } from "./html.js";
import { visible } from "./shapes.js";
import { config } from "./store.js";

/** @param {{ conversation: Conversation }} props */
export function FilesPanel({ conversation }) {
  const [found, setFound] = useState(/** @type {{ files: FileEntry[], more: boolean } | null} */ (null));
  const [fault, setFault] = useState("");
  const id = conversation.session.sessionId;
  const changed = conversation.filesChanged.value;
  useEffect(() => {
    let current = true;
    if (id === null) return setFound({ files: [], more: false });
    filesIn(id).then((list) => current && (setFound(list), setFault("")), (error) => current && setFault(words(error)));
    return () => void (current = false);
  }, [id, changed]);
  const files = found?.files.filter(({ kind }) => kind === "file") ?? [];
  return html`<${Dialog} title="Files" class="side">
    <${AddFiles} conversation=${conversation} />
    <${Uploading} conversation=${conversation} />
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
    ${found && !files.length && html`<p class="faint">The workspace is empty. Files that you add, and files that the agent writes, are here.</p>`}
    ${files.length > 0 && html`<ul class="file-list" aria-label="Files in the workspace">
      ${files.map(({ path, size: bytes = 0 }) => html`<li key=${path}>
        <a href=${conversation.fileLink(path)} download><bdi>${visible(path)}</bdi></a> <span class="faint">${size(bytes)}</span>
      </li>`)}
    </ul>`}
    ${found?.more && html`<p class="faint">There are more files than are listed here.</p>`}
  <//>`;
}

/** @param {{ conversation: Conversation }} props */
function AddFiles({ conversation }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  if (!conversation.drives) return null;
  const most = config.value?.limits?.upload_bytes;
  return html`<p class="buttons">
    <${FileField} field=${field} conversation=${conversation} />
    <button type="button" onClick=${() => field.current?.click()}><${Icon} name="clip" /> Add files…</button>
    <span class="faint">${most ? `up to ${size(most)} each` : ""}</span>
  </p>`;
}

/** The browser's own chooser, which a button opens. @param {{ field: any, conversation: Conversation }} props */
export function FileField({ field, conversation }) {
  const chosen = (/** @type {any} */ { target }) => {
    void conversation.upload([...target.files]);
    target.value = ""; // the same file may be chosen again
  };
  return html`<input type="file" class="hidden" ref=${field} multiple tabindex="-1" aria-hidden="true" onChange=${chosen} />`;
}

/** Files that were added and not spoken of yet. @param {{ conversation: Conversation }} props */
export function Uploading({ conversation }) {
  const { uploads } = conversation;
  const list = uploads.list.value;
  if (!list.length) return null;
  return html`<ul class="uploads" aria-label="Files added">
    ${list.map(({ id, name, bytes, sent, state, fault }) => html`<li key=${id} data-state=${state}>
      <${Icon} name=${state === "failed" ? "no" : "file"} />
      <span class="upload-name">${state === "there" && conversation.fileLink(name) ? html`<a href=${conversation.fileLink(name)} download><bdi>${visible(name)}</bdi></a>` : html`<bdi>${visible(name)}</bdi>`}</span>
      ${state === "sending" && html`<progress max="1" value=${sent} aria-label=${`Sending ${name}`}></progress>`}
      ${state === "failed" ? html`<span class="bad" role="alert">not taken: ${fault}</span>` : html`<span class="faint">${size(bytes)}</span>`}
      <button type="button" class="quiet" aria-label=${`${state === "sending" ? "Stop sending" : "Do not mention"} ${name}`} title=${state === "there" ? "It stays in the workspace; the message will not name it" : undefined} onClick=${() => uploads.drop(id)}><${Icon} name="close" /></button>
    </li>`)}
  </ul>`;
}
