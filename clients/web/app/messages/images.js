// Images: what a person showed the model, small; the whole picture is a click away.

/** @import * as Wire from "../../../js/protocol.d.ts" */
/** @import { Conversation } from "../state/conversation.js" */
import { useState } from "preact/hooks";
import { visible } from "../text/visible.js";
import { html, Icon } from "../ui/html.js";
import { imageAt, Thumbnail } from "../ui/thumbnail.js";

/** @param {{ images?: Wire.ImageFile[], conversation: Conversation }} props */
export function ShownImages({ images, conversation }) {
  if (!images?.length) return null;
  return html`<ul class="shown-images" aria-label="Images">
    ${images.map(({ path }) => html`<li key=${path}><${ShownImage} path=${path} conversation=${conversation} /></li>`)}
  </ul>`;
}

/** One that is not there any more is a name. @param {{ path: string, conversation: Conversation }} props */
function ShownImage({ path, conversation }) {
  const [gone, setGone] = useState(false);
  const link = conversation.fileLink(path);
  if (gone || link === null) return html`<span class="faint"><${Icon} name="file" /> <bdi>${visible(path)}</bdi></span>`;
  return html`<a href=${link} download title=${visible(path)}><${Thumbnail} id=${link} read=${imageAt(link)} alt=${visible(path)} failed=${() => setGone(true)} /></a>`;
}
