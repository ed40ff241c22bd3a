// Files panel: the files in a session's workspace, and those that are being uploaded.

/** @import { Conversation } from "../state/conversation.js" */
/** @import { FileEntry } from "../api/http.js" */
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf, plural, size, when } from "../text/format.js";
import { visible } from "../text/visible.js";
import { base } from "../api/base.js";
import { deleteFile, filesIn, sessionPath } from "../api/http.js";
import { config } from "../state/store.js";
import { Dialog } from "../ui/dialog.js";
import { html, Icon } from "../ui/html.js";
import { FileField, Uploading } from "../composer/files.js";
import { imageAt, Thumbnail } from "../ui/thumbnail.js";
import { IMAGE, Preview } from "./preview.js";

/** @param {{ conversation: Conversation }} props */
export function FilesPanel({ conversation }) {
  const [found, setFound] = useState(/** @type {{ files: FileEntry[], more: boolean } | null} */ (null));
  const [fault, setFault] = useState("");
  const id = conversation.session.sessionId;
  const changed = conversation.filesChanged.value;
  useEffect(() => {
    let current = true;
    if (id === null) return setFound({ files: [], more: false });
    filesIn(id).then((list) => current && (setFound(list), setFault("")), (error) => current && setFault(messageOf(error)));
    return () => void (current = false);
  }, [id, changed]);
  const remove = (/** @type {string} */ path) =>
    id !== null && deleteFile(id, path).then(() => void (conversation.filesChanged.value += 1), (error) => setFault(messageOf(error)));
  const files = found?.files.filter(({ kind }) => kind === "file") ?? [];
  return html`<${Dialog} title="Files" class="side">
    <${AddFiles} conversation=${conversation} />
    <${Uploading} conversation=${conversation} />
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
    ${found && !files.length && html`<p class="faint">The workspace is empty. Files that you add, and files that the agent writes, are here.</p>`}
    ${files.length > 0 && html`<ul class="file-list" aria-label="Files in the workspace">
      ${files.map((file) => html`<${FileLine} key=${file.path} file=${file} conversation=${conversation} remove=${() => remove(file.path)} />`)}
    </ul>
    <p class="buttons"><span class="faint">${plural(files.length, "file")}, ${size(files.reduce((sum, { size: bytes = 0 }) => sum + bytes, 0))} together</span><span class="spacer"></span><a href=${`${base}${sessionPath(String(id))}/archive`} class="button" download><${Icon} name="download" /> All as a zip</a></p>`}
    ${found?.more && html`<p class="faint">There are more files than are listed here.</p>`}
  <//>`;
}

/** @param {{ file: FileEntry, conversation: Conversation, remove: () => void }} props */
function FileLine({ file, conversation, remove }) {
  const { path, size: bytes = 0, modified = 0 } = file;
  const [shown, setShown] = useState(false);
  const link = conversation.fileLink(path);
  return html`<li>
    ${IMAGE.test(path) ? html`<${Thumbnail} id=${`${link} ${bytes} ${conversation.filesChanged.value}`} read=${imageAt(String(link))} alt="" />` : html`<${Icon} name="file" />`}
    <a href=${link} download><bdi>${visible(path)}</bdi></a>
    <span class="faint">${size(bytes)}${modified > 0 && html` · <time title=${new Date(1000 * modified).toLocaleString()}>${when(1000 * modified)}</time>`}</span>
    <span class="file-acts">
      <button type="button" class="quiet" aria-expanded=${shown} aria-label=${`Show ${visible(path)}`} onClick=${() => setShown(!shown)}>${shown ? "Hide" : "Show"}</button>
      ${conversation.drives && html`<${Delete} path=${path} remove=${remove} />`}
    </span>
    ${shown && html`<${Preview} key=${conversation.filesChanged.value} id=${String(conversation.session.sessionId)} file=${file} link=${link} />`}
  </li>`;
}

/** @param {HTMLElement | null} node */
const focus = (node) => node?.focus();

/** The button that deletes a file, once it was pressed twice. @param {{ path: string, remove: () => void }} props */
function Delete({ path, remove }) {
  const [asked, setAsked] = useState(false);
  if (!asked) return html`<button type="button" class="quiet" aria-label=${`Delete ${visible(path)}…`} onClick=${() => setAsked(true)}>Delete…</button>`;
  return html`<span role="group" aria-label=${`Delete ${visible(path)}`}>
    <button type="button" class="danger" onClick=${remove}>Delete for good</button>
    <button type="button" ref=${focus} onClick=${() => setAsked(false)}>Keep</button>
  </span>`;
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
