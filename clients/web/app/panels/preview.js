// Preview: what is in a file of the workspace, as far as it can be shown: images, PDF files, tables and text.

/** @import { FileEntry } from "../api/http.js" */
import { useEffect, useState } from "preact/hooks";
import { fileText } from "../api/http.js";
import { messageOf, size } from "../text/format.js";
import { tableOfCsv } from "../text/tables.js";
import { exact, visible } from "../text/visible.js";
import { Table } from "../tools/outputs.js";
import { html } from "../ui/html.js";
import { isShownAsPdf, Pdf } from "./pdf.js";

const TABLE = /\.[ct]sv$/i;
export const IMAGE = /\.(?:png|jpe?g|webp|gif|avif|bmp)$/i;
/** Larger files are only downloaded: a text of this size is what a browser lays out at once. */
const TEXT_BYTES = 262_144;

/** @param {{ id: string, file: FileEntry, link: string }} props */
export function Preview({ id, file: { path, size: bytes = 0 }, link }) {
  const image = IMAGE.test(path);
  const pdf = isShownAsPdf(path, bytes);
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const [fault, setFault] = useState(image || pdf || bytes <= TEXT_BYTES ? "" : `It has ${size(bytes)}: download it to see it.`);
  useEffect(() => {
    if (image || pdf || fault) return;
    let current = true;
    const take = (/** @type {string} */ found) => current && (/[\0\ufffd]/.test(found) ? setFault("It is no text: download it to see it.") : setText(found));
    fileText(id, path).then(take, (error) => current && setFault(messageOf(error)));
    return () => void (current = false);
  }, [id, path]);
  if (fault) return html`<p class="preview faint" role="status">${fault}</p>`;
  if (image) return html`<img class="preview" src=${link} alt=${visible(path)} onError=${() => setFault("It cannot be shown as an image.")} />`;
  if (pdf) return html`<${Pdf} id=${id} path=${path} failed=${setFault} />`;
  const table = text !== null && TABLE.test(path) ? tableOfCsv(text) : null;
  if (table) return html`<div class="preview" role="group" aria-label=${`What is in ${visible(path)}`}><${Table} table=${table} /></div>`;
  return html`<pre class="preview" tabindex="0" aria-label=${`What is in ${visible(path)}`}>${text === null ? "…" : exact(text) || "(empty)"}</pre>`;
}
