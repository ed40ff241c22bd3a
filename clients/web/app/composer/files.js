// Files of a message: the field that chooses files, and the list of those that are on their way or uploaded.

/** @import { Conversation } from "../state/conversation.js" */
import { config } from "../state/store.js";
import { isImage } from "../state/uploads.js";
import { size } from "../text/format.js";
import { visible } from "../text/visible.js";
import { html, Icon } from "../ui/html.js";
import { Thumbnail } from "../ui/thumbnail.js";

/** The browser's own chooser, which a button opens. @param {{ field: any, conversation: Conversation }} props */
export function FileField({ field, conversation }) {
  const chosen = (/** @type {any} */ { target }) => {
    void conversation.upload([...target.files]);
    target.value = ""; // the same file may be chosen again
  };
  return html`<input type="file" class="hidden" ref=${field} multiple tabindex="-1" aria-hidden="true" onChange=${chosen} />`;
}

/** Files that were added and not spoken of yet. `due`: whether the message waits for them. @param {{ conversation: Conversation, due: boolean }} props */
export function Uploading({ conversation, due }) {
  const { uploads } = conversation;
  const list = uploads.list.value;
  if (!list.length) return null;
  const name = conversation.chosen.value?.model || conversation.view.model || config.value?.model;
  const model = config.value?.models?.find((one) => one.model === name);
  const blind = model?.images === false && list.some(isImage) && (model.label ?? model.model);
  return html`<ul class="uploads" aria-label="Files added">
    ${list.map(({ id, file, name, taken, bytes, sent, state, fault }) => html`<li key=${id} data-state=${state}>
      ${file.type.startsWith("image/") && state !== "failed" ? html`<${Thumbnail} id=${`${name} ${bytes} ${file.lastModified}`} read=${async () => file} alt="" />` : html`<${Icon} name=${state === "failed" ? "no" : "file"} />`}
      <span class="upload-name">${state === "there" && conversation.fileLink(name) ? html`<a href=${conversation.fileLink(name)} download><bdi>${visible(name)}</bdi></a>` : html`<bdi>${visible(name)}</bdi>`}</span>
      ${state === "sending" && html`<progress max="1" value=${sent} aria-label=${`Sending ${name}`}></progress>`}
      ${state === "failed" ? html`<span class="bad" role="alert">not taken: ${fault}</span>` : html`<span class="faint">${size(bytes)}</span>`}
      ${taken && state === "there" && html`<button type="button" class="link" title=${`${visible(taken)} is in the workspace already, and was left as it is`} onClick=${() => conversation.replace(id)}>Replace ${visible(taken)}</button>`}
      <button type="button" class="quiet" aria-label=${`${state === "sending" ? "Stop sending" : "Do not mention"} ${name}`} title=${state === "there" ? "It stays in the workspace; the message will not name it" : undefined} onClick=${() => uploads.drop(id)}><${Icon} name="close" /></button>
    </li>`)}
    ${due && html`<li class="faint" role="status">The message is sent when its files are there.</li>`}
    ${blind && html`<li class="faint">${blind} sees no images: it is told their names.</li>`}
  </ul>`;
}
